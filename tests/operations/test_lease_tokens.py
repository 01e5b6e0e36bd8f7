"""A lease's token tells any server of the database all of the lease."""

from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from levada_server.jobs.signing import LeaseContent, Signer

_SECRET = b"of this database"
_IDS = st.integers(1, 2**63 - 1)


@given(
    st.builds(
        LeaseContent,
        table_id=_IDS,
        job_id=_IDS,
        attempt=st.integers(1, 2**31 - 1),
        token=st.uuids(),
        key=st.dictionaries(st.text(min_size=1), st.text()),
        replaces=st.none() | st.uuids(),
    ),
    st.none() | st.uuids(),
)
def test_another_server_reads_what_one_wrote(lease: LeaseContent, token_id: UUID | None) -> None:
    read = Signer(_SECRET, token_id).read_lease(Signer(_SECRET, token_id).lease(lease))
    assert read == lease
    assert isinstance(read.token, UUID)

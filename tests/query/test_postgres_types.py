"""The table of stored types."""

from __future__ import annotations

from levada_server.model.kinds import Kind
from levada_server.query.postgres_types import STORED


def test_every_kind_has_a_stored_type() -> None:
    assert set(STORED) == set(Kind)

"""The only reaches of benchmarks into the Python client's private parts: for what nothing public gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada._net.private_socket import find_private_socket

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    import levada as lv
    from levada_api.v1 import relation_pb2


def message(relation: lv.Relation) -> relation_pb2.Relation:
    """Return a relation as it travels, for a bare channel to send."""
    return relation._message()  # noqa: SLF001  # see above


def batches(relation: lv.Relation) -> Iterator[pa.RecordBatch]:
    """Fetch batch by batch as they come, with a constant amount of memory; users get rows or whole tables."""
    return relation._result().batches()  # noqa: SLF001  # see above


def bare_target(address: str) -> str:
    """Return the target of a bare channel to this user's server: its private socket, which needs no token."""
    target = find_private_socket(address)
    assert target is not None, f"the server at {address} has announced no private socket"
    return target

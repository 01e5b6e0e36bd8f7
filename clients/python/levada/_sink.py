"""The hook through which `make` buffers its inserts and marks its reads."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import pyarrow as pa

    from levada_api.v1 import row_service_pb2, schema_pb2


class InsertSink(Protocol):
    """Takes what a `make` inserts, until its job is completed."""

    @property
    def lease_token(self) -> str:
        """The token of the job's lease: reads carry it."""
        ...

    def accepts(self, name: schema_pb2.TableName) -> bool:
        """Tell whether rows of this table belong to the job: the table itself and its parts.

        Raises:
            MakeContract: They do not, and `make` may not insert them.
        """
        ...

    def insert(
        self,
        name: schema_pb2.TableName,
        options: row_service_pb2.InsertOptions,
        rows: pa.Table,
        location: str,
    ) -> None:
        """Take the rows of one insert.

        Args:
            rows: Columns have the Arrow types of the table's attributes.
            location: Where in the user's code the insert stands, `file:line`.
        """
        ...


insert_sink: ContextVar[InsertSink | None] = ContextVar("insert_sink", default=None)
"""The sink of the job that runs in this context; None outside `make`."""


def lease_token() -> str:
    """Give the lease token of the job that runs in this context; empty outside `make`."""
    sink = insert_sink.get()
    return sink.lease_token if sink else ""

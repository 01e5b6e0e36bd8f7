"""The job that runs in this context, and the interface through which the rest of the package uses it."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from google.protobuf.message import Message

    from levada._values.rows import Rows
    from levada_api.methods import MethodName
    from levada_api.v1 import row_service_pb2, schema_pb2


class JobContext(Protocol):
    """One run of a `make`."""

    @property
    def table(self) -> schema_pb2.TableName:
        """The table to compute."""
        ...

    @property
    def key(self) -> Mapping[str, Any]:  # Any: an attribute's value
        """The key to compute."""
        ...

    def buffers(self, name: schema_pb2.TableName) -> bool:
        """Return whether rows of a table are kept until the job is completed; else they go into its transaction.

        Raises:
            MakeContract: The job may not write into it.
        """
        ...

    def insert(
        self, name: schema_pb2.TableName, options: row_service_pb2.InsertOptions, rows: Rows, location: str
    ) -> None:
        """Keep the rows of one insert: all of them or none.

        Args:
            rows: Batches whose columns have the Arrow types of the table's attributes.
            location: The place of the insert in the user's code, `file:line`.
        """
        ...

    def take_objects(self, hashes: Mapping[str, str]) -> None:
        """Note the hashes of objects that were put into stores for it, by their ids."""
        ...

    def open_transaction(self) -> str:
        """Open the job's transaction if it is not open; return the token of its lease, which writes carry."""
        ...

    def open_block(self) -> None:
        """Open the job's transaction; a `with` block of the user becomes a part of it.

        Raises:
            MakeContract: The contract is on.
        """
        ...

    def foreseen(self, method: MethodName, request: Message) -> Message | None:
        """Return the answer to a read if it came ahead; None if the server has to be asked."""
        ...

    def marking(self, method: MethodName, request: Message) -> AbstractContextManager[Callable[[object], None]]:
        """Mark a request as the job's for the length of a block; yield a function that takes each answer to it."""
        ...


_current: ContextVar[tuple[object, JobContext] | None] = ContextVar("current_job", default=None)

set_job = _current.set
reset_job = _current.reset


def job_of(connection: object) -> JobContext | None:
    """Return the job of a connection that runs in this context; None outside `make`."""
    current = _current.get()
    return current[1] if current is not None and current[0] is connection else None


def running_job() -> JobContext | None:
    """Return the job that runs in this context; None outside `make`."""
    current = _current.get()
    return current[1] if current is not None else None

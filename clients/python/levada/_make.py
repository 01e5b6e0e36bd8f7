"""One computation: run `make` for a key, and keep its inserts until its job is completed."""

from __future__ import annotations

import time
import traceback
from collections import deque
from inspect import isgenerator
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from levada._errors import MakeContract, MissingAttribute
from levada._jobs import Failure, Made, MadeRows
from levada._names import stored_name
from levada._sink import insert_sink

if TYPE_CHECKING:
    from collections.abc import Mapping

    from levada._auto_populated import AutoPopulated
    from levada._connection import Connection
    from levada._jobs import Lease
    from levada_api.v1 import row_service_pb2, schema_pb2


class MakeFailed(Exception):
    """A `make` ended in an error.

    Args:
        cause: What it raised.
        seconds: How long it ran.
    """

    def __init__(self, cause: BaseException, seconds: float) -> None:
        super().__init__(str(cause))
        self.cause = cause
        self.seconds = seconds


def make(table: AutoPopulated, lease: Lease, make_kwargs: Mapping[str, Any]) -> Made:  # Any: the user's own
    """Run a table's `make` for the key of a lease.

    Args:
        make_kwargs: Further arguments of `make`, or of `make_fetch`.

    Raises:
        MakeFailed: It raised anything else than an interrupt.
        KeyboardInterrupt: Somebody wants to stop.
    """
    buffer = InsertBuffer(table.connection, lease)
    started = time.monotonic()
    token = insert_sink.set(buffer)
    try:
        _run(table, dict(lease.key), make_kwargs)
    except (KeyboardInterrupt, GeneratorExit):
        buffer.close()
        raise
    except BaseException as error:  # noqa: BLE001  # it is told to the server, and raised by populate
        buffer.close()
        # The frame of this function and of the next are no part of the user's code.
        first = error.__traceback__.tb_next if error.__traceback__ else None
        error.__traceback__ = first.tb_next if first and first.tb_next else first
        raise MakeFailed(error, time.monotonic() - started) from None
    finally:
        insert_sink.reset(token)
    return Made(lease, time.monotonic() - started, buffer.finish())


def _run(table: AutoPopulated, key: dict[str, Any], make_kwargs: Mapping[str, Any]) -> None:
    steps: Any = table  # Any: methods of the user's class, with arguments as they like
    if "make" in own_names(type(table)):
        result = steps.make(key, **make_kwargs)
        if isgenerator(result):  # older code writes the three steps as one generator, which inserts in the last
            deque(result, maxlen=0)
        return
    fetched = steps.make_fetch(key, **make_kwargs)
    computed = steps.make_compute(key, *_arguments(fetched))
    steps.make_insert(key, *_arguments(computed))


def _arguments(result: object) -> tuple[Any, ...]:  # Any: what a step gave
    """What one step gives, as arguments of the next: a tuple or list is many, None is none."""
    if result is None:
        return ()
    return tuple(result) if isinstance(result, (tuple, list)) else (result,)


def failure(error: BaseException) -> Failure:
    """Describe an error as the job keeps it."""
    return Failure(type(error).__name__, str(error), "".join(traceback.format_exception(error)))


# The classes of tiers are marked `_abstract`; what stands below them is the user's.
_OVERRIDES = {"key_source", "make", "make_fetch", "make_compute", "make_insert"}


def own_names(table: type) -> set[str]:
    """Give which of `make`, its three steps and `key_source` a class and its bases below the tier define."""
    return {name for base in table.__mro__ if "_abstract" not in vars(base) for name in vars(base)} & _OVERRIDES


def has_make(table: type) -> bool:
    """Tell whether a class computes: it has a `make`, whole or in three steps."""
    names = own_names(table)
    return "make" in names or {"make_fetch", "make_compute", "make_insert"} <= names


class InsertBuffer:
    """Keeps what a `make` inserts into its table and the parts, until its job is completed.

    Args:
        connection: Knows the headings, against which rows are checked at once.
        lease: Of the job.
    """

    def __init__(self, connection: Connection, lease: Lease) -> None:
        self._connection = connection
        self._lease = lease
        self._stored = stored_name(lease.table.table)
        self._streams: list[_Stream] = []

    @property
    def lease_token(self) -> str:
        """The token of the job's lease."""
        return self._lease.token

    def accepts(self, name: schema_pb2.TableName) -> bool:
        """Take rows of the table itself and its parts.

        Raises:
            MakeContract: The table is another one.
        """
        stored = stored_name(name.table)
        own = name.schema == self._lease.table.schema and (
            stored == self._stored or stored.startswith(f"{self._stored}__")
        )
        if not own:
            raise MakeContract(
                f"make of `{self._lease.table.table}` inserts into `{name.schema}.{name.table}`, which is neither its "
                f"own table nor a part of it. Insert these rows before populate, or make `{name.table}` a part.",
                {"table": f"{name.schema}.{name.table}"},
            )
        return True

    def insert(
        self,
        name: schema_pb2.TableName,
        options: row_service_pb2.InsertOptions,
        rows: pa.Table,
        location: str,
    ) -> None:
        """Keep the rows of one insert.

        Raises:
            MissingAttribute: A value is missing and its attribute has no default.
        """
        if not rows.num_rows:
            return
        self._check_complete(name, rows)
        last = self._streams[-1] if self._streams else None
        # A loop around insert1 makes one insert of many rows.
        if last is None or not last.continues(name, options, location, rows.schema):
            last = _Stream(MadeRows(name, options, location), rows.schema)
            self._streams.append(last)
        last.writer.write_table(rows)

    def finish(self) -> list[MadeRows]:
        """Give all that was inserted."""
        return [stream.finish() for stream in self._streams]

    def close(self) -> None:
        """Free the rows."""
        for stream in self._streams:
            stream.insert.content.close()

    def _check_complete(self, name: schema_pb2.TableName, rows: pa.Table) -> None:
        for attribute in self._connection.describe_table(name).heading.attributes.values():
            if attribute.nullable or attribute.default is not None or attribute.autoincrement:
                continue
            if attribute.name not in rows.schema.names or rows.column(attribute.name).null_count:
                raise MissingAttribute(
                    f"`{name.table}`: a row has no value for `{attribute.name}`, which has no default.",
                    {"attribute": attribute.name, "table": f"{name.schema}.{name.table}"},
                )


class _Stream:
    """The rows of one insert as they come."""

    def __init__(self, insert: MadeRows, schema: pa.Schema) -> None:
        self.insert = insert
        self._schema = schema
        self.writer = pa.ipc.new_stream(pa.PythonFile(insert.content, "w"), schema)

    def continues(
        self, name: schema_pb2.TableName, options: row_service_pb2.InsertOptions, location: str, schema: pa.Schema
    ) -> bool:
        """Tell whether another insert only brings more of the same."""
        here = (self.insert.table, self.insert.options, self.insert.location)
        return here == (name, options, location) and bool(self._schema.equals(schema))

    def finish(self) -> MadeRows:
        """End the stream."""
        self.writer.close()
        return self.insert

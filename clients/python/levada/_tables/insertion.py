"""Inserting rows: straight into the server, or into the buffer of the running job."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sized
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol
from uuid import uuid4

from levada._base.errors import InvalidRequest, LevadaError
from levada._base.progress import Progress
from levada._base.user_code import user_location
from levada._net.job_context import job_of, running_job
from levada._objects.staging import Stager
from levada._query.relation import Relation
from levada._query.restriction import as_operand
from levada._values.few_rows import stream_of
from levada._values.rows import read_rows
from levada._values.tabular import is_arrow, is_pandas, is_sliceable, slice_rows, to_arrow_table
from levada_api.v1 import row_service_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from levada._net.connection import Connection
    from levada._values.heading import Heading
    from levada_api.v1 import schema_pb2

_FEW_BYTES = 2**18
"""Up to this size rows go in one message; beyond it, copying them together would be wasted work."""


class Target(Protocol):
    """A table to insert rows into."""

    _name: schema_pb2.TableName

    @property
    def connection(self) -> Connection:
        """Its connection."""
        ...

    @property
    def heading(self) -> Heading:
        """Its attributes."""
        ...

    @property
    def primary_key(self) -> list[str]:
        """The names of its key attributes."""
        ...


def insert(table: Target, rows: object, options: pb.InsertOptions, chunk_size: int | None) -> int:
    """Insert rows of any form, all or none, or in chunks; return how many are new, 0 if a job keeps them."""
    rows = as_operand(rows)
    if chunk_size is not None and isinstance(rows, Relation):
        raise InvalidRequest("chunk_size is not supported with a query: the server inserts its rows all or none.")
    shown = False if running_job() is not None else None
    with Progress(f"insert into {table._name.table}", _count(rows), "rows", shown=shown) as progress:
        return _insert_chunks(table, rows, options, chunk_size, progress)


def _insert_chunks(
    table: Target, rows: object, options: pb.InsertOptions, chunk_size: int | None, progress: Progress
) -> int:
    if chunk_size is None:
        return _insert_chunk(table, rows, options, progress)
    count = 0
    for number, chunk in enumerate(_chunks(rows, chunk_size)):
        try:
            count += _insert_chunk(table, chunk, options, progress)
        except LevadaError as error:
            if number == 0:
                raise
            first = number * chunk_size
            raise type(error)(
                f"{error} Rows are counted from row {first}, where this chunk begins; earlier rows are inserted.",
                {**error.details, "first_row": first},
            ) from None
    return count


def _count(rows: object) -> int | None:
    """Return how many rows there are, if they say so without being read."""
    if isinstance(rows, (str, Mapping, Relation)) or not isinstance(rows, Sized):
        return None
    try:
        return len(rows)
    except TypeError:  # an array without dimensions
        return None


def frame_with_key(table: Target, frame: Any, index_as_pk: bool | None) -> Any:  # noqa: ANN401  # a DataFrame of pandas
    """Turn the index of a DataFrame into columns if it is the primary key, and drop it otherwise.

    Args:
        index_as_pk: Whether it is the key; None: if its names match the key's.

    Raises:
        InvalidRequest: It is not a pandas DataFrame, or its index should be the key but has other names.
    """
    if not is_pandas(frame):
        raise InvalidRequest(f"insert_dataframe requires a pandas DataFrame, not a {type(frame).__name__}.")
    names = [name for name in frame.index.names if name is not None]
    matches = set(names) == set(table.primary_key) and bool(names)
    if index_as_pk and not matches:
        raise InvalidRequest(
            f"The index ({', '.join(names) or 'without a name'}) and the primary key of `{table._name.table}` "
            f"({', '.join(table.primary_key)}) do not match. Pass index_as_pk=False to leave the index out."
        )
    return frame.reset_index(drop=not (matches if index_as_pk is None else index_as_pk))


def _insert_chunk(table: Target, rows: object, options: pb.InsertOptions, progress: Progress) -> int:
    name = table._name
    job = job_of(table.connection)
    buffered = job is not None and job.buffers(name)
    if isinstance(rows, Relation) and not buffered:
        request = pb.InsertRelationRequest(name=name, relation=rows._message(), options=options, request_id=uuid4().hex)
        return table.connection.call("RowService/InsertRelation", request, pb.InsertRelationResponse).row_count
    source = rows.to_arrow() if isinstance(rows, Relation) else rows
    heading = table.heading
    stager = Stager(table.connection, name, heading)
    typed = read_rows(source, heading, name.table, ignore_extra_fields=options.ignore_extra_fields, stager=stager)
    if job is not None and buffered:
        job.insert(name, options, typed, user_location())
        return 0
    token = job.open_transaction() if job is not None else ""
    header = pb.InsertHeader(name=name, options=options, request_id=uuid4().hex, lease_token=token)
    if typed.whole is not None and typed.whole.nbytes <= _FEW_BYTES and not table.connection.in_transaction:
        count = _send_few(table.connection, header, stream_of(typed.schema, [typed.whole]))
        progress.update(typed.whole.num_rows)
        return count
    counted = replace(typed, batches=progress.counted(typed.batches, len))
    return _send(table.connection, header, counted.ipc_pieces(table.connection.compression))


def _send_few(connection: Connection, header: pb.InsertHeader, stream: bytes) -> int:
    request = pb.InsertFewRowsRequest(header=header, arrow_ipc=stream)
    return connection.call("RowService/InsertFewRows", request, pb.InsertFewRowsResponse).row_count


def _send(connection: Connection, header: pb.InsertHeader, pieces: Iterator[bytes]) -> int:
    """Insert a stream: in one message if it is small, except in a transaction, which has a stream open."""
    begin = b""
    if not connection.in_transaction:
        for piece in pieces:
            begin += piece
            if len(begin) > _FEW_BYTES:
                break
        else:
            return _send_few(connection, header, begin)
    answer = connection.send("RowService/InsertRows", _requests(header, begin, pieces), pb.InsertRowsResponse)
    return answer.row_count


def _requests(header: pb.InsertHeader, begin: bytes, pieces: Iterator[bytes]) -> Iterator[pb.InsertRowsRequest]:
    yield pb.InsertRowsRequest(header=header)
    if begin:
        yield pb.InsertRowsRequest(arrow_ipc=begin)
    for piece in pieces:
        yield pb.InsertRowsRequest(arrow_ipc=piece)


def _chunks(rows: object, size: int) -> Iterator[object]:
    """Split rows into pieces of at most `size`."""
    if size < 1:
        raise InvalidRequest(f"chunk_size must be at least 1, not {size}.")
    if is_sliceable(rows):
        for start in range(0, len(rows), size):
            yield slice_rows(rows, start, start + size)
    elif is_arrow(rows):
        yield from to_arrow_table(rows).to_batches(max_chunksize=size)
    elif isinstance(rows, Iterable) and not isinstance(rows, (str, Mapping)):
        iterator = iter(rows)
        while chunk := list(islice(iterator, size)):
            yield chunk
    else:
        yield rows

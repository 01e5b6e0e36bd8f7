"""Classes that compute: how to recognize them, and the settings of their jobs."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar
from uuid import uuid4

from levada._base.errors import InvalidDefinition
from levada._query.relation import Relation
from levada._query.restriction import as_operand
from levada._tables.table import Table
from levada_api.v1 import schema_service_pb2

if TYPE_CHECKING:
    from levada._net.connection import Connection


class Computing(Table):
    """A table whose rows come from its `make`."""

    _abstract: ClassVar[bool] = True

    make_time_limit: ClassVar[timedelta | float | None] = None
    """How long one `make` may run in a process of its own (`levada worker`, `populate(processes=2)`): a timedelta, or
    seconds."""
    make_memory_limit: ClassVar[int | str | None] = None
    """How much memory that process may use: bytes, or text such as `"4 GB"`."""
    max_attempts: ClassVar[int | None] = None
    """The limit on starts of a job. None: an error of `make` is final, and only jobs of lost workers start again."""
    retry_delay: ClassVar[timedelta] = timedelta(seconds=10)
    """The pause after the first error of `make`; it doubles with each further error."""

    buffer_inserts: ClassVar[bool] = True
    """Whether to keep the inserts of `make` until it has ended. False: the first insert opens a transaction."""

    prefetch: ClassVar[bool] = True
    """Whether the inputs that `make` fetches first may be fetched for several keys at once, a moment earlier."""

    _faulty_declaration: ClassVar[schema_service_pb2.DeclareTableRequest | None] = None
    """The declaration of the class, if its key source was at fault then; it is repeated when the source is used."""


# The classes of tiers are marked `_abstract`; the classes below them are the user's.
MAKES = ("make", "_make_tuples", "make_fetch", "make_compute", "make_insert")
"""The methods that compute, whole or in steps."""
_OVERRIDES = {"key_source", *MAKES}


def own_names(table: type) -> set[str]:
    """Return which of `make`, its three steps and `key_source` a class and its bases below the tier define."""
    return {name for base in table.__mro__ if "_abstract" not in vars(base) for name in _OVERRIDES & vars(base).keys()}


def whole_step(names: set[str]) -> str | None:
    """Return the name of the single method that computes; the oldest code has `_make_tuples`."""
    return next((name for name in ("make", "_make_tuples") if name in names), None)


def has_make(table: type) -> bool:
    """Return whether a class computes: it has a `make`, whole or in three steps."""
    names = own_names(table)
    return whole_step(names) is not None or {"make_fetch", "make_compute", "make_insert"} <= names


def own_key_source(table: Computing) -> Relation | None:
    """Evaluate the key source that a class defines, and declare it if it was at fault before; None if it has none.

    Raises:
        InvalidDefinition: It is not a query.
        Exception: The class raised it.
    """
    kind = type(table)
    if "key_source" not in own_names(kind):
        return None
    source = evaluated_key_source(table)
    if kind._faulty_declaration is not None:
        kind._faulty_declaration.key_source.CopyFrom(source._message())
        kind._faulty_declaration.request_id = uuid4().hex
        if not declare(table.connection, kind._faulty_declaration).key_source_error:
            kind._faulty_declaration = None
    return source


def evaluated_key_source(table: Computing) -> Relation:
    """Evaluate the key source of a class.

    Raises:
        InvalidDefinition: It is not a query.
        Exception: The class raised it.
    """
    source = as_operand(table.key_source)  # type: ignore[attr-defined]  # a property of the user's class
    if not isinstance(source, Relation):
        raise InvalidDefinition(f"The key_source of `{type(table).__name__}` must be a query, not {source!r}.")
    return source


def declare(
    connection: Connection, request: schema_service_pb2.DeclareTableRequest
) -> schema_service_pb2.DeclareTableResponse:
    """Declare a table."""
    return connection.call("SchemaService/DeclareTable", request, schema_service_pb2.DeclareTableResponse)

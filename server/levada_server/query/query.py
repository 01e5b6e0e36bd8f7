"""A compiled relation, and the statements that fetch, count and check its rows."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from levada_server.errors import LevadaError
from levada_server.model.job_table import SCHEMA as JOB_SCHEMA
from levada_server.model.spans import bindable
from levada_server.model.values import coerce
from levada_server.query import sql
from levada_server.query.postgres_types import wire_type

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from levada_server.model.heading import Heading
    from levada_server.model.table import TableName
    from levada_server.model.types import AttributeType


@dataclass(frozen=True, slots=True)
class Query:
    """A compiled relation.

    Args:
        select: Its SQL tree, one column per attribute of `heading`. In a query from `bound`, it still holds the earlier
            values.
        heading: Its attributes.
        warnings: Warnings for the caller, although the query runs.
        notices: The same, but a connection needs each only once.
        parameters: The values that may be replaced: for each its number in the relation, and the type to convert it to.
        fixed: Whether no values may be replaced.
        tables: All tables that it reads, its conditions included; a table whose jobs it reads is one of them.
    """

    select: sql.Select
    heading: Heading
    warnings: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    parameters: tuple[tuple[int, AttributeType], ...] = ()
    fixed: bool = False
    tables: frozenset[TableName] = frozenset()
    _values: tuple[object, ...] | None = None
    _statements: dict[str, sql.Statement | None] = field(default_factory=dict)
    _repeated: dict[str, sql.Repeated] = field(default_factory=dict)

    def bound(self, values: Sequence[object]) -> Query | None:
        """Return the same query with other values.

        Args:
            values: One for each parameter of the relation, each of the kind that stood there.

        Returns:
            The query; None if such a value needs another query or is not allowed, so that the relation must be
            compiled.
        """
        coerced = self.coerced(values)
        return None if coerced is None else replace(self, _values=coerced)

    def coerced(self, values: Sequence[object]) -> tuple[object, ...] | None:
        """Return values as its parameters take them; None as by `bound`."""
        try:
            return tuple(bindable(coerce(values[number], type_)) for number, type_ in self.parameters)
        except LevadaError:
            return None

    def repeated(self, kind: str) -> sql.Repeated:
        """Return the statement that runs it for many values of its parameters, as `render_repeated` does."""
        found = self._repeated.get(kind)
        if found is None:
            found = self._repeated[kind] = sql.render_repeated(self.select, kind)
        return found

    @property
    def volatile(self) -> bool:
        """Return whether it may give other rows for the same data: it asks for the time, or for random numbers."""
        return any(call in self.fetch().text for call in sql.VOLATILE_CALLS)

    @property
    def reads_jobs(self) -> bool:
        """Return whether it reads the jobs of a table, and so may give other rows though no table has changed."""
        return f"{sql.quote_name(JOB_SCHEMA)}." in self.fetch().text

    def fetch(self) -> sql.Statement:
        """Return the statement that returns its rows."""
        return self._certain("fetch", sql.render)

    def literals(self) -> sql.Statement | None:
        """Return the statement for the literals of `bulk_fetch`; None if it takes none."""
        return self._statement("literals", sql.render_literals)

    def bulk_fetch(self, mark: int, literals: Sequence[str]) -> str:
        """Return the statement that passes its rows to COPY, which takes no bound values.

        Args:
            mark: An int4 that precedes the columns of every row.
            literals: The result of the statement from `literals`.
        """
        types = {attribute.name: wire_type(attribute.type) for attribute in self.heading}
        return sql.render_copy(self.select, types, mark, literals)

    def count(self) -> sql.Statement:
        """Return the statement that counts its rows."""
        return self._certain("count", sql.render_count)

    def exists(self) -> sql.Statement:
        """Return the statement that checks whether it has a row."""
        return self._certain("exists", sql.render_exists)

    def _certain(self, kind: str, render: Callable[[sql.Select], sql.Statement]) -> sql.Statement:
        statement = self._statement(kind, render)
        assert statement is not None
        return statement

    def _statement(self, kind: str, render: Callable[[sql.Select], sql.Statement | None]) -> sql.Statement | None:
        """Write a statement once for all values, and fill them in."""
        if kind not in self._statements:
            self._statements[kind] = render(self.select)
        statement = self._statements[kind]
        return statement if statement is None or self._values is None else statement.filled(self._values)

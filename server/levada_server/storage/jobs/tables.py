"""Write statements over job tables: named statements, filled with a table's names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from levada_server.model.kinds import Kind
from levada_server.model.spans import span_of
from levada_server.query import sql
from levada_server.query.ddl import job_table_name, qualified
from levada_server.query.sql import quote_name
from levada_server.storage.postgres.sql_files import fill, statements

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from levada_server.model.heading import Key
    from levada_server.model.table import Table

_PARTS = statements("jobs")
PEND = fill(_PARTS["pend"], now=_PARTS["now"])
"""The changes of an UPDATE that make a job wait for its first attempt."""
_READ: dict[Kind, Callable[[Any], object]] = {Kind.UINT64: int, Kind.DURATION: span_of}  # Any: as for `job_keys`
"""How a value of a key is read: the driver has whole numbers past int64 as decimals, and spans as microseconds."""
_SUCCEED = fill(_PARTS["succeed"], now=_PARTS["now"])


def job_statement(file: str, name: str, table: Table, **more: str) -> str:
    """Return a named statement for one table's jobs, `j`, and results, `t`."""
    jobs = job_table_name(table)
    return fill(
        statements(file)[name],
        jobs=jobs,
        table=qualified(table.name),
        key_and_comma="".join(f"{name}, " for name in key_names(table)),
        same=same_key(table),
        now=_PARTS["now"],
        began=_PARTS["began"],
        pend=PEND,
        succeed=_SUCCEED,
        still_held=_PARTS["still_held"],
        dead_sessions=fill(_PARTS["dead_sessions"], jobs=jobs),
        **more,
    )


def restricted(
    file: str, name: str, table: Table, restriction: sql.Select | None, *before: object, **more: str
) -> tuple[str, tuple[object, ...]]:
    """Return a named statement, with the values to bind, for jobs whose key a query has, or for all jobs.

    Args:
        file: The file of the statement.
        name: Its name.
        table: The table.
        restriction: A query with the key's attributes; None for all jobs.
        before: The values that the statement itself binds.
        more: Its other marks.
    """
    if restriction is None:
        return job_statement(file, name, table, restriction="TRUE", **more), before
    inner = sql.render(restriction, before=before)
    condition = f"EXISTS (SELECT FROM ({inner.text}) AS t WHERE {same_key(table)})"
    return job_statement(file, name, table, restriction=condition, **more), inner.values


def in_one_statement(parts: Sequence[tuple[str, tuple[object, ...]]]) -> tuple[str, tuple[object, ...]]:
    """Return a statement with the rows of several that bind the same values."""
    return " UNION ALL ".join(f"({text})" for text, _ in parts), parts[0][1]


def key_names(table: Table) -> list[str]:
    """Return the columns of the key of a table's jobs, quoted."""
    return [quote_name(name) for name in table.job_key]


def same_key(table: Table) -> str:
    """Write the condition that a job `j` and a row `t` have the same key."""
    return " AND ".join(f"t.{name} = j.{name}" for name in key_names(table)) or "TRUE"


def count_of(tag: str) -> int:
    """Read the number of rows from PostgreSQL's command tag."""
    return int(tag.rsplit(" ", 1)[1])


def job_keys(table: Table, rows: Sequence[Mapping[str, Any]]) -> list[Key]:  # Any: the driver's class for each kind
    """Return the keys of jobs from their rows."""
    names = table.job_key
    columns = []
    for name in names:
        values = [row[name] for row in rows]
        read = _READ.get(table.heading[name].type.kind)
        columns.append(values if read is None else map(read, values))
    return [tuple(zip(names, key, strict=True)) for key in zip(*columns, strict=True)] if names else [()] * len(rows)

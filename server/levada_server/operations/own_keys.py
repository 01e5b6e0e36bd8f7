"""Check that rows that a job inserts into its own table and parts have the job's key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from levada_server.arrow.ipc.ingest import Columns
from levada_server.jobs.signing import spelled
from levada_server.model.values import show_key

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from levada_server.model.dependencies import Catalog
    from levada_server.model.table import Table

FEW_ROWS = 1_000
"""The number of rows above which it is quicker to find the distinct keys first."""

Spelled = tuple[str, ...]
"""The values of a job's key, in the order of the table's heading, as `spelled` writes them."""
Values = tuple[object, ...]
"""The values of a job's key, in the same order, unchanged."""


def stray_key(catalog: Catalog, table: Table, target: Table, columns: Columns, keys: Collection[Spelled]) -> str | None:
    """Find a row that is inserted for another key.

    Args:
        catalog: The catalog in which tables are looked up.
        table: The table that is computed.
        target: The table itself or a part of it.
        columns: The rows.
        keys: The keys of the jobs.

    Returns:
        The other key, for a message; None if every row has a key of the jobs, or if the database sets the key.
    """
    return first_stray(table, keys_of_rows(catalog, table, target, columns) or {}, keys)


def first_stray(table: Table, found: Mapping[Spelled, Values], keys: Collection[Spelled]) -> str | None:
    """Return, for a message, a key of some rows that is not the key of any of some jobs; None if there is none."""
    for spelled_key, values in found.items():
        if spelled_key not in keys:
            return show_key(zip(table.job_key, values, strict=True))
    return None


def keys_of_rows(catalog: Catalog, table: Table, target: Table, columns: Columns) -> dict[Spelled, Values] | None:
    """Return the job keys for which rows are inserted; None if the database sets the key.

    Args:
        catalog: The catalog in which tables are looked up.
        table: The table that is computed.
        target: The table itself or a part of it.
        columns: The rows.
    """
    pairs = key_columns(catalog, table, target)
    given = {
        attribute.name: (attribute, array) for attribute, array in zip(columns.attributes, columns.arrays, strict=True)
    }
    if not pairs or any(name not in given for name in pairs):
        return None
    arrays = [given[name][1] for name in pairs]
    if columns.row_count > FEW_ROWS:
        distinct = pa.table(arrays, names=list(pairs)).group_by(list(pairs)).aggregate([]).combine_chunks()
        arrays = [pa.concat_arrays(distinct.column(name).chunks) for name in pairs]
    attributes = tuple(given[name][0] for name in pairs)
    values = Columns(0, attributes, tuple(arrays), len(arrays[0])).python_values(list(pairs))
    return {tuple(map(spelled, row)): row for row in zip(*values, strict=True)}


def key_columns(catalog: Catalog, table: Table, target: Table) -> tuple[str, ...]:
    """Return the attributes of a table or part that hold a job's key, in the key's order; () if none do."""
    if target.name == table.name:
        return table.job_key
    owner, names = target, {name: name for name in target.heading.primary_key}
    while owner.name != table.name:
        pairs = catalog.master_columns(owner)
        if pairs is None or owner.name.master is None:
            return ()
        names = {above: names[below] for below, above in pairs if below in names}
        owner = catalog.table(owner.name.master)
    return tuple(names[name] for name in table.job_key) if set(table.job_key) <= names.keys() else ()

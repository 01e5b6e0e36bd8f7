"""The tables of a diagram: their order, and what is said about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada._base.names import full_name, stored_name
from levada._views.diagram_colours import TIER_NAMES
from levada._views.diagram_shapes import Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from levada_api.v1 import diagram_pb2, job_pb2
    from levada_api.v1 import schema_pb2 as pb

Name = tuple[str, str]
"""Schema and stored name of a table."""
_MAX_ATTRIBUTES = 40
"""The most attributes of a table that are listed on hover."""


def name_of(name: pb.TableName) -> Name:
    """Return the name by which diagrams know a table."""
    return name.schema, stored_name(name.table)


def parents_of(table: pb.Table, among: Mapping[Name, pb.Table]) -> list[Name]:
    """Return the parents of a table."""
    return list(dict.fromkeys(name for key in table.foreign_keys if (name := name_of(key.parent)) in among))


def parents_first(tables: Mapping[Name, pb.Table]) -> Mapping[Name, pb.Table]:
    """Order tables so that parents come first."""
    ordered: dict[Name, pb.Table] = {}
    # Depth first with a list, because chains may be long; foreign keys form no cycle.
    pending = list(tables)[::-1]
    while pending:
        name = pending[-1]
        missing = [parent for parent in parents_of(tables[name], tables) if parent not in ordered]
        if name in ordered or not missing:
            pending.pop()
            ordered[name] = tables[name]
        else:
            pending.extend(missing)
    return ordered


def is_part_of_another(table: pb.Table, among: Mapping[Name, pb.Table]) -> bool:
    """Return whether a table is a part whose master is among some tables."""
    master = table.name.table.rpartition(".")[0]
    return bool(master) and (table.name.schema, stored_name(master)) in among


def title(box: diagram_pb2.DiagramBox, tables: Mapping[Name, pb.Table]) -> str:
    """Return what is shown when the pointer rests on a box: its table with its attributes, and those of its parts."""
    if not box.tier:
        return "\n".join([f"schema {box.schema}", *(f"  {name.table}" for name in box.tables[:_MAX_ATTRIBUTES])])
    comment = f": {box.comment}" if box.comment else ""
    lines = [f"{box.name} ({TIER_NAMES[box.tier]}){comment}"]
    for name in box.tables:
        table = tables[name_of(name)]
        lines += [name.table] if name.table != box.name.partition(".")[2] else []
        lines += _attributes(table)
    return "\n".join(lines)


def _attributes(table: pb.Table) -> Iterator[str]:
    attributes = table.heading.attributes
    for attribute in attributes[:_MAX_ATTRIBUTES]:
        mark = "*" if attribute.primary_key else " "
        comment = f"  # {attribute.comment}" if attribute.comment else ""
        yield f"{mark} {attribute.name} : {attribute.type}{comment}"
    if len(attributes) > _MAX_ATTRIBUTES:
        yield f"  and {len(attributes) - _MAX_ATTRIBUTES} more"


def counted(counts: Sequence[diagram_pb2.DiagramCount], boxes: Sequence[diagram_pb2.DiagramBox]) -> dict[str, Status]:
    """Return the lines about the rows and jobs of boxes, by what the server counted."""
    by_name = {name_of(count.table): count for count in counts}
    result = {}
    for box in boxes:
        found = [by_name[name_of(name)] for name in box.tables if name_of(name) in by_name]
        own = [count for count in found if not box.tier or f"{count.table.schema}.{count.table.table}" == box.name]
        progress = [count.progress for count in own if count.HasField("progress")]
        if progress:
            result[box.name] = _of_jobs(progress)
        elif own:
            result[box.name] = rows_status(sum(count.entity_count for count in own))
    return result


def rows_status(count: int) -> Status:
    """Return the line about a number of rows."""
    return Status(f"{_short(count)} row{'' if count == 1 else 's'}")


def _of_jobs(progress: Sequence[job_pb2.Progress]) -> Status:
    total = sum(one.total_count for one in progress)
    done = total - sum(one.remaining_count for one in progress)
    failed = sum(one.error_count for one in progress)
    running = sum(one.reserved_count for one in progress)
    stale = sum(one.stale_count for one in progress)
    text = f"{_short(done)} of {_short(total)}"
    if failed:
        text += f", {_short(failed)} error{'' if failed == 1 else 's'}"
    elif stale:
        text += f", {_short(stale)} stale"
    elif running:
        text += f", {_short(running)} running"
    share = done / total if total else 0.0
    return Status(text, share, min(failed / total, 1.0 - share) if total else 0.0)


def _short(count: int) -> str:
    """Write a number in at most five characters, up to a billion."""
    for unit, size in (("M", 1_000_000), ("k", 1_000)):
        if count >= 10 * size:
            return f"{count / size:.1f}{unit}" if count < 100 * size else f"{count // size}{unit}"
    return str(count)


def full_names(counts: Sequence[diagram_pb2.DiagramCount]) -> dict[str, diagram_pb2.DiagramCount]:
    """Return counts by the full names of their tables."""
    return {full_name(count.table): count for count in counts}

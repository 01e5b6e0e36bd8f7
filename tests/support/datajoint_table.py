"""DataJoint's names beside those of Levada: the table at the end of `docs/reference/coming-from-datajoint.md`.

As a program it writes the table anew: python -m tests.support.datajoint_table
"""

from __future__ import annotations

import inspect
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import levada as lv
from levada._base.absent_names import ABSENT as ABSENT_MEMBERS
from levada._datajoint.absent import reason_for
from levada._datajoint.modules import NAME, build
from tests.samples.datajoint_names import FILE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TESTS = ("levada._base.absent_names", "levada._datajoint.absent", "levada._datajoint.modules")
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "coming-from-datajoint.md"
START = "<!-- The rest of this page is written by `python -m tests.support.datajoint_table`. -->\n"

HOLDERS: dict[str, type] = {
    "connection.Connection": lv.Connection,
    "user_tables.PartMeta": lv.Part,
    "user_tables.TableMeta": lv.Table,
}
"""Classes whose members another class has here."""

_RULES = "see [the rules](#rules-that-differ)"
_HOST = "the settings of Levada say which server to use"

CHANGED = {
    "autopopulate.AutoPopulate.populate": (
        "always under leases, as if `reserve_jobs=True`; that argument only says that keys which failed are skipped; "
        "without it they are tried again"
    ),
    "condition.Top": _RULES,
    "config": "settings without a meaning here warn once when they are set",
    "connection.Connection": _HOST,
    "connection.Connection.ping": "the error is `errors.LostConnectionError`",
    "connection.Connection.purge_query_cache": "there is no cache of queries",
    "connection.Connection.set_query_cache": "there is no cache of queries, and a warning says so",
    "connection.Connection.transaction": "with or without parentheses; blocks can be nested",
    "connection.conn": _HOST,
    "conn": _HOST,
    "diagram.Diagram.make_dot": "the text in the language DOT, without Graphviz and pydot",
    "diagram.Diagram.make_svg": "the text of the SVG; a notebook shows the diagram itself",
    "diagram.Diagram.prune": "after `cascade` too",
    "errors.BucketInaccessible": "nothing raises it: only the server opens the buckets of stores",
    "errors.PluginWarning": "nothing warns of it: there are no plugins",
    "expression.QueryExpression.aggr": f"entities without a match: {_RULES}",
    "expression.QueryExpression.aggregate": f"entities without a match: {_RULES}",
    "expression.QueryExpression.join": f"attributes of one name must mean the same; {_RULES}",
    "expression.QueryExpression.restrict": _RULES,
    "fetch.key": "the text `KEY`, which `fetch` takes; it is not a class",
    **dict.fromkeys(
        ("jobs.Job.complete", "jobs.JobTable.complete"),
        "an error unless this process reserved the job; it waits if the table does not contain the key",
    ),
    **dict.fromkeys(("jobs.Job.error", "jobs.JobTable.error"), "an error unless this process reserved the job"),
    "jobs.Job.refresh": "no timeout is needed: leases run out, and jobs whose key is gone are always dropped",
    "table.Table.declare": "a table that exists is left as it is",
    "table.Table.delete": "the plan is shown and only exactly those rows are deleted",
    "table.Table.insert": f"empty cells of a file: {_RULES}; an iterator is sent while it is read",
    "table.Table.validate": _RULES,
    **dict.fromkeys(("user_tables.Part.delete", "user_tables.Part.drop"), "a text as `force` is `part_integrity`"),
}
"""Names that are here, and the difference of each."""

REFUSED = {
    "connection.Connection.query": "there is no SQL, see [above](#no-sql)",
}
"""Why names that are here only say what to use instead."""

MADE = {
    "connection.EmulatedCursor": "`query.cursor()` makes it",
    "heading.Attribute": "`table.heading` makes it",
    "heading.Heading": "`table.heading` makes it",
    "jobs.Job": "`table.jobs` makes it",
    "jobs.JobTable": "`schema.jobs` makes it",
    "settings.Config": "`config` is the only one",
    "staged_insert.StagedInsert": "`table.staged_insert1` makes it",
    "table.ValidationResult": "`table.validate(…)` makes it",
}
"""Classes that nobody calls here, and where their instances come from."""

ARGUMENTS = {
    "codecs.Codec.decode.key": "None, for a codec that has it",
    "codecs.Codec.encode.key": "the primary key alone, for a codec that has it",
    "codecs.Codec.encode.store_name": "for a codec that has it",
    "diagram.Diagram.make_dot.theme": "the colours suit light and dark",
    "expression.QueryExpression.join.allow_nullable_pk": "DataJoint's own `aggr` passes it, and nothing else does",
    "expression.QueryExpression.to_arrow.squeeze": "an Arrow table has the stored values",
    "expression.QueryExpression.to_polars.squeeze": "a column of polars has values of one shape",
    "heading.Heading.as_sql.adapter": "there is one kind of database",
    "settings.Config.get_store_spec.use_filepath_default": "every store takes every kind of content",
}
"""Why arguments are not here."""


RENAMED = {
    "blob.pack.obj": "value",
    "condition.AndList.append.restriction": "object",
    "diagram.Diagram.cascade.table_expr": "expression",
    "diagram.Diagram.from_sequence.sequence": "sources",
    "diagram.Diagram.trace.table_expr": "expression",
    "schemas.Schema.save.python_filename": "path",
    "table.FreeTable.conn": "conn_or_name",
    "utils.from_camel_case.s": "class_name",
    "utils.to_camel_case.s": "stored",
}
"""Arguments at the same place that have another name here."""


@dataclass(frozen=True)
class Row:
    """One name.

    Args:
        place: Its place below `datajoint`.
        arguments: Those of all versions; None if it is not called.
        versions: The versions that have it.
        verdict: `same`, `mended`, `absent`, or `undecided`.
        note: Why, and what to use instead.
    """

    place: str
    arguments: str | None
    versions: tuple[str, ...]
    verdict: str
    note: str


class Missing:
    """Nothing has a name; None is a value."""


def rows() -> list[Row]:
    """Compare every name of DataJoint with what stands in for it."""
    known = {version: found["names"] for version, found in json.loads(FILE.read_text(encoding="utf-8")).items()}
    places = sorted({place for names in known.values() for place, text in names.items() if not _is_alias(text)})
    return [_row(place, {v: names[place] for v, names in known.items() if place in names}) for place in places]


def _is_alias(text: str | None) -> bool:
    return text is not None and text.startswith("= ")


def _row(place: str, texts: Mapping[str, str | None]) -> Row:
    own = [text for text in texts.values() if not _is_alias(text)]
    lists = [[argument for argument in text.split(", ") if argument] for text in own if text is not None]
    arguments = ", ".join(_united(lists)) if lists else None
    found = stand_in(place)
    if place in REFUSED:
        return Row(place, arguments, tuple(texts), "absent", REFUSED[place])
    if found is Missing or is_absent(found):
        reason = ABSENT_MEMBERS.get(place.rpartition(".")[2]) if found is Missing and _is_member(place) else None
        reason = reason or reason_for(place)
        return Row(place, arguments, tuple(texts), "absent" if reason else "undecided", reason or "it is missing")
    notes = [CHANGED[place]] if place in CHANGED else []
    if place in MADE:
        notes.append(MADE[place])
    elif lists:
        notes += dict.fromkeys(note for one in lists for note in _differences(place, one, found))
    undecided = any(note.startswith("?") for note in notes)
    return Row(
        place, arguments, tuple(texts), "undecided" if undecided else "mended" if notes else "same", "; ".join(notes)
    )


def _united(lists: list[list[str]]) -> list[str]:
    """Return the arguments of all versions, those of the newest first and `**` last."""
    united = list(dict.fromkeys(argument for one in reversed(lists) for argument in one))
    return sorted(united, key=lambda argument: argument.startswith("**"))


def _is_member(place: str) -> bool:
    """Return whether the name is a member of a class that is here."""
    above = stand_in(place.rpartition(".")[0]) if "." in place else None
    return inspect.isclass(above) and above is not Missing and not is_absent(above)


def is_absent(found: object) -> bool:
    """Return whether a name can only be imported."""
    return type(found).__name__ == "_AbsentType"


def stand_in(place: str) -> Any:  # noqa: ANN401  # whatever has a name
    """Find what stands in for a name; `Missing` if nothing does."""
    above, _, last = place.rpartition(".")
    if f"{NAME}.{place}" in build():
        return build()[f"{NAME}.{place}"]
    holder = build()[NAME] if not above else HOLDERS[above] if above in HOLDERS else stand_in(above)
    if isinstance(holder, ModuleType):
        return getattr(holder, last, Missing)
    if not inspect.isclass(holder) or is_absent(holder):
        return Missing
    for base in holder.__mro__:
        if last in vars(base):
            return vars(base)[last]
        if last in getattr(base, "__annotations__", {}):
            return last
    return Missing


def _differences(place: str, arguments: list[str], found: Any) -> Iterator[str]:  # noqa: ANN401  # as above
    """Compare arguments; a note that begins with a question mark has not been decided."""
    called = getattr(found, "__func__", found)
    if not callable(called):
        yield from ["? it is not called here"] if arguments else []
        return
    given = [p for p in inspect.signature(called).parameters.values() if p.name not in ("self", "cls")]
    own = {p.name for p in given}
    ordered = [p.name for p in given if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    starred = {
        prefix for p in given for kind, prefix in ((p.VAR_POSITIONAL, "*"), (p.VAR_KEYWORD, "**")) if p.kind is kind
    }
    by_name = False
    for index, name in enumerate(arguments):
        decided = ARGUMENTS.get(f"{place}.{name}")
        if decided is not None:
            yield f"`{name}`: {decided}"
        elif name.startswith("*"):
            spelled_out = name.startswith("**") and own.difference(arguments)
            if name != "*" and name[: name.count("*")] not in starred and not spelled_out:
                yield f"? {name}"
        elif name not in own:
            at = ordered[index] if not by_name and index < len(ordered) else None
            renamed = at is not None and RENAMED.get(f"{place}.{name}") == at
            yield f"`{name}` is called `{at}`" if renamed else f"? {name}"
        elif not by_name and ordered[index : index + 1] != [name]:
            yield f"`{name}` is given by name"
        by_name |= name.startswith("*")


# ---------------------------------------------------------------------------------------------------- the page


def page() -> str:
    """Return the page with the table."""
    text = PAGE.read_text(encoding="utf-8")
    return text[: text.index(START)] + START + "\n" + _section()


def _section() -> str:
    found = rows()
    versions = tuple(dict.fromkeys(version for row in found for version in row.versions))
    counts = Counter(row.verdict for row in found)
    groups: dict[tuple[str, tuple[str, ...], str, str], list[Row]] = {}
    for row in found:
        groups.setdefault((_owner(row.place), row.versions, row.verdict, row.note), []).append(row)
    lines = [
        "## Every name",
        "",
        f"This table has the public names of DataJoint {' and '.join(versions)}, each at the module or class that "
        f"defines it, with its arguments: {counts['same']} are the same, {counts['mended']} are mended, "
        f"{counts['absent']} are absent.",
        "",
        "| name | versions | here | difference, and what to use instead |",
        "| --- | --- | --- | --- |",
    ]
    for (_, having, verdict, note), members in groups.items():
        names = ", ".join(f"`{row.place}{'' if row.arguments is None else f'({row.arguments})'}`" for row in members)
        lines.append(f"| {names} | {' and '.join(having)} | {verdict} | {note} |")
    return "\n".join(lines) + "\n"


def _owner(place: str) -> str:
    return place.partition(".")[0]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

"""Names of DataJoint as names of ours: schemas, classes, attributes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from levada._base.names import stored_name

if TYPE_CHECKING:
    from collections.abc import Mapping

_WORD = r"[a-z][a-z0-9]*(?:_[a-z][a-z0-9]*)*"
_TIERS = re.compile(rf"(?P<mark>#|__|_)?(?P<master>{_WORD})(?:__(?P<part>{_WORD}))?")
_SCHEMA = re.compile(r"[a-z][a-z0-9_]*")
_RESERVED_SCHEMA = re.compile(r"levada.*|pg_.*|information_schema")
_ATTRIBUTE = re.compile(r"[a-z][a-z0-9_]*")
_SYSTEM_COLUMNS = frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"})
_MARKS = {None: "Manual", "#": "Lookup", "_": "Imported", "__": "Computed"}
MAX_NAME_BYTES = 63


@dataclass(frozen=True, slots=True)
class TableNames:
    """The meaning of a stored name of DataJoint.

    Args:
        tier: `Manual`, `Lookup`, `Imported`, `Computed` or `Part`.
        class_path: `Session`, or `Session.Trial` for a part.
        master: The stored name of the master of a part; else empty.
    """

    tier: str
    class_path: str
    master: str


def table_names(stored: str, spellings: Mapping[str, str]) -> TableNames | None:
    """Read the stored name of a table; None if DataJoint does not write such names.

    Args:
        spellings: The class's name for each stored name without its mark, as the code has it: `c_c_f` by `CCF`.
    """
    match = _TIERS.fullmatch(stored)
    if match is None:
        return None
    master, part = match["master"], match["part"]
    name = spellings.get(master, camel_case(master))
    if part is None:
        return TableNames(_MARKS[match["mark"]], name, "")
    return TableNames("Part", f"{name}.{spellings.get(part, camel_case(part))}", (match["mark"] or "") + master)


def mark_of(tier: str) -> str:
    """Return the mark before the stored names of a tier; parts have that of their master."""
    return next((mark for mark, name in _MARKS.items() if mark and name == tier), "")


def camel_case(stored: str) -> str:
    """Convert a stored name to the class's name: `c_c_f` is `CCF`."""
    return "".join(word[:1].upper() + word[1:] for word in stored.split("_"))


def schema_name(name: str) -> str:
    """Return the nearest name that a schema may have here."""
    near = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    near = near if re.match("[a-z]", near) else f"s_{near}"
    return f"dj_{near}" if _RESERVED_SCHEMA.fullmatch(near) else near


def is_schema_name(name: str) -> bool:
    """Return whether a schema may have a name here."""
    fits = _SCHEMA.fullmatch(name) and len(name) <= MAX_NAME_BYTES
    return bool(fits) and not _RESERVED_SCHEMA.fullmatch(name)


def is_attribute_name(name: str) -> bool:
    """Return whether an attribute may have a name here."""
    fits = _ATTRIBUTE.fullmatch(name) and len(name) <= MAX_NAME_BYTES
    return bool(fits) and name not in _SYSTEM_COLUMNS


def is_class_path(path: str) -> bool:
    """Return whether a table may have a name here."""
    return len(stored_name(path)) <= MAX_NAME_BYTES

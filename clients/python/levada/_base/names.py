"""Names of tables: as classes, as stored, and as older code writes them."""

from __future__ import annotations

import re
from functools import lru_cache

from levada._base.errors import InvalidRequest, warn
from levada_api.v1 import schema_pb2 as pb

_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")
_FULL_NAME = re.compile(r"`?([^`.]+)`?\.`?([^`]+?)`?")
_TIER_MARKS = "#_~\\"
"""The prefixes of older stored names, escaped in patterns; the catalog has the tier now."""


@lru_cache(maxsize=4096)
def stored_name(class_name: str) -> str:
    """Return the stored name of a class: `Session.TrialEvent` is `session__trial_event`."""
    return "__".join(_CAPITAL.sub("_", part).lower() for part in class_name.split("."))


def stored_form(text: str) -> str:
    """Return the stored name of a table of a known schema in any of its forms: `Session`, `session`, `__session`."""
    return stored_name(without_tier_mark(text))


def without_tier_mark(stored: str) -> str:
    """Return a stored name, or a pattern of it, without the prefix that older ones have for their tier."""
    return stored.lstrip(_TIER_MARKS)


def class_name(stored: str) -> str:
    """Return the class name of a stored name: `session__trial_event` is `Session.TrialEvent`."""
    return ".".join("".join(word.title() for word in part.split("_")) for part in stored.split("__"))


def schema_name_of(text: str) -> str:
    """Return the name of a schema with small letters for capitals, with a warning."""
    if text != text.lower():
        warn(f"Names of schemas have small letters only: `{text}` is `{text.lower()}`.")
    return text.lower()


def class_path(name: pb.TableName) -> str:
    """Write a table's name as people and the catalog do: `lab.Session.Trial`."""
    return f"{name.schema}.{name.table}"


def full_name(name: pb.TableName) -> str:
    """Write a table's name as DataJoint does: `` `lab`.`session__trial` ``."""
    return f"`{name.schema}`.`{stored_name(name.table)}`"


def parse_full_name(text: str) -> pb.TableName:
    """Read a full name in any of its forms: `lab.Session.Trial`, `lab.session__trial`, `` `lab`.`#species` ``.

    Raises:
        InvalidRequest: It has no schema.
    """
    match = _FULL_NAME.fullmatch(text.strip())
    if match is None:
        raise InvalidRequest(f"{text!r} is not the full name of a table; use schema.Table.")
    return pb.TableName(schema=schema_name_of(match[1]), table=without_tier_mark(match[2]))

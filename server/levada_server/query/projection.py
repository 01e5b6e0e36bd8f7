"""The result of a projection: which attributes it keeps, renames, duplicates and computes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from levada_server.errors import InvalidRequest
from levada_server.model.heading import first_repeated
from levada_server.model.table import MAX_NAME_BYTES
from levada_server.query.algebra import Drop, ExpressionText, Item, Keep, Named, Remaining
from levada_server.query.expression.computed import attribute_name, duplicate_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from levada_server.model.heading import Attribute, Heading


@dataclass(frozen=True, slots=True)
class Projection:
    """A projection, resolved.

    Args:
        kept: New and old name of each attribute, in the order of the operand, then the duplicates.
        computed: New names and their expressions, in the order of the items.
    """

    kept: tuple[tuple[Attribute, str], ...]
    computed: tuple[tuple[str, ExpressionText], ...]


def work_out(items: Iterable[Item], heading: Heading) -> Projection:
    """Resolve a projection of a relation with this heading.

    Raises:
        UnknownAttribute: An item names an attribute that does not exist.
        InvalidRequest: A key attribute is dropped, or two results have the same name.
    """
    kept, dropped, renamed = set(heading.primary_key), set[str](), dict[str, str]()
    duplicates: list[tuple[str, str]] = []
    computed: list[tuple[str, ExpressionText]] = []
    remaining = False
    for item in items:
        match item:
            case Keep(name):
                kept.add(heading[name].name)
            case Drop(name):
                _check_droppable(name, heading)
                dropped.add(name)
            case Remaining():
                remaining = True
            case Named(name, expression):
                _check_new_name(name)
                old = attribute_name(expression.text)
                copied = duplicate_name(expression.text)
                if old is not None and old in heading:
                    if old in renamed:
                        raise InvalidRequest(
                            f"`{old}` is renamed twice; write {name}='({old})' to have it under both names.",
                            attribute=old,
                        )
                    renamed[old] = name
                elif copied is not None and copied in heading:
                    duplicates.append((name, copied))
                else:
                    computed.append((name, expression))
    if remaining:
        kept |= set(heading.names) - dropped
    elif dropped:
        raise InvalidRequest(
            f"`-{min(dropped)}` drops an attribute from all others; begin with `...`, as in "
            f"proj(..., '-{min(dropped)}').",
            attribute=min(dropped),
        )
    result = [
        (replace(attribute, name=renamed.get(attribute.name, attribute.name)), attribute.name)
        for attribute in heading
        if attribute.name in kept or attribute.name in renamed
    ]
    result += [(replace(heading[old], name=new, primary_key=False), old) for new, old in duplicates]
    _check_distinct([*(attribute.name for attribute, _ in result), *(name for name, _ in computed)])
    return Projection(tuple(result), tuple(computed))


def _check_droppable(name: str, heading: Heading) -> None:
    if heading[name].primary_key:
        raise InvalidRequest(
            f"`{name}` is part of the primary key ({', '.join(heading.primary_key)}) and cannot be dropped.",
            attribute=name,
        )


def _check_new_name(name: str) -> None:
    plain = name.replace("_", "").isalnum() and name.isascii() and not name[0].isdigit() and name == name.lower()
    if not plain or len(name) > MAX_NAME_BYTES:
        raise InvalidRequest(
            f"`{name}` is not a valid attribute name: use a-z, 0-9 and _, begin with no digit, "
            f"at most {MAX_NAME_BYTES} bytes.",
            attribute=name,
        )


def _check_distinct(names: list[str]) -> None:
    repeated = first_repeated(names)
    if repeated is not None:
        raise InvalidRequest(f"Two attributes of the result are called `{repeated}`; rename one.", attribute=repeated)

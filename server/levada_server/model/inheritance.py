"""Inheritance by a foreign key: the attributes of the parent's key, renamed, or shared with other lines."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from levada_server.model.defaults import NULL
from levada_server.model.definition.text import Line, Word, refuse
from levada_server.model.heading import Attribute
from levada_server.model.table import ForeignKey, Table, snake_case
from levada_server.model.types import excerpt

if TYPE_CHECKING:
    from levada_server.model.definition.attribute_line import AttributeLine
    from levada_server.model.definition.foreign_key_line import ForeignKeyLine


@dataclass(frozen=True, slots=True)
class Mentioned:
    """An attribute while its table is being declared.

    Args:
        own: Its own line.
        inherited: The first foreign key that adds it.
    """

    attribute: Attribute
    own: AttributeLine | None = None
    inherited: ForeignKeyLine | None = None

    @property
    def where(self) -> str:
        """The line that mentioned it first."""
        numbers = [mention.line.number for mention in (self.own, self.inherited) if mention is not None]
        return f"line {min(numbers)}"


Attributes = dict[str, Mentioned]
"""Attributes by name, in the order of the heading."""


def add_foreign_key(attributes: Attributes, line: ForeignKeyLine, parent: Table) -> ForeignKey:
    """Add the attributes of a foreign key to a table's attributes; attributes of the same name are reused.

    A shared attribute keeps the origin from the first of its lines.

    Args:
        attributes: The attributes so far; the new ones are added.

    Raises:
        InvalidDefinition: A rename is wrong, or an attribute of the same name differs.
    """
    names = _renamed(attributes, line, parent)
    columns = tuple((names.get(name, name), name) for name in parent.heading.primary_key)
    children = [child for child, _ in columns]
    for child in children:
        if children.count(child) > 1:
            raise refuse(
                line.line,
                line.parent.offset,
                f"two attributes would be called `{child}`",
                "names that differ",
            )
    for child, inherited in columns:
        _inherit(attributes, line, child, parent, parent.heading[inherited])
    return ForeignKey(
        parent=parent.name,
        columns=columns,
        primary_key=all(attributes[child].attribute.primary_key for child in children),
        nullable=line.nullable,
        unique=line.unique,
        comment=line.comment,
    )


def _renamed(attributes: Attributes, line: ForeignKeyLine, parent: Table) -> dict[str, str]:
    """Return the new names of the renamed attributes of the parent's key."""
    key = parent.heading.primary_key
    old = line.old
    if old is None:
        # The older language renames the attributes that are missing here; if none is, then the whole key.
        open_names = [name for name in key if name not in attributes] or list(key)
        if len(open_names) != len(line.new):
            raise refuse(
                line.line,
                line.new[0].offset,
                f"{len(line.new)} new names for {', '.join(open_names)} of {parent.name}",
                f"the renamed attributes too, as in ({line.new[0].text}) -> {line.parent.text} ({key[0]})",
            )
        old = tuple(Word(name, line.parent.offset) for name in open_names)
    names: dict[str, str] = {}
    for new_word, old_word in zip(line.new, old, strict=True):
        if line.projected and old_word.text in parent.heading.secondary:
            continue  # proj may name any attribute, but a reference takes only the key
        if old_word.text not in key:
            raise refuse(
                line.line,
                old_word.offset,
                f"`{excerpt(old_word.text)}` is not in the primary key of {parent.name}",
                f"one of {', '.join(key)}",
            )
        if old_word.text in names:
            raise refuse(line.line, old_word.offset, f"`{old_word.text}` is renamed twice", "each attribute once")
        names[old_word.text] = new_word.text
    return names


def _inherit(attributes: Attributes, line: ForeignKeyLine, child: str, parent: Table, source: Attribute) -> None:
    """Let an attribute of the parent's key be the attribute `child` here."""
    inherited = Attribute(
        name=child,
        type=source.type,
        primary_key=line.primary_key,
        nullable=line.nullable,
        default=NULL if line.nullable else None,
        comment=source.comment,
        origin=source.origin,
    )
    present = attributes.get(child)
    if present is None:
        attributes[child] = Mentioned(inherited, inherited=line)
        return
    offset = line.parent.offset
    other_name = f"{snake_case(parent.name.table.rpartition('.')[2])}_{child}"
    rename = f"-> {line.parent.text}.proj({other_name}='{source.name}')"
    before = present.attribute
    if before.type != source.type:
        raise refuse(
            line.line,
            offset,
            f"`{child}` is {before.type} on {present.where}, but {source.type} in {parent.name}",
            f"the same type, or another name, as in {rename}",
        )
    if present.own is not None:
        check_own(line.line, offset, present.own, line.nullable, present.where)
    nullable = before.nullable and line.nullable
    attributes[child] = replace(
        present,
        attribute=replace(
            before,
            nullable=nullable,
            default=before.default if nullable or before.default != NULL else None,
            comment=before.comment if present.inherited else source.comment,
            origin=before.origin or source.origin,
        ),
        inherited=present.inherited or line,
    )


def check_own(line: Line, offset: int, own: AttributeLine, nullable: bool, where: str) -> None:
    """Refuse an attribute whose own line contradicts a foreign key that also adds it.

    Args:
        line: The line to point at, with `offset`.
        nullable: The foreign key is nullable.
        where: The other line.

    Raises:
        InvalidDefinition: The two lines disagree.
    """
    if own.auto_increment:
        raise refuse(
            line,
            offset,
            f"`{own.name.text}` gets its values from a parent",
            "no auto_increment in its own line",
        )
    if own.default is not None and own.default.null and not nullable:
        raise refuse(
            line,
            offset,
            f"`{own.name.text}` may be null by one line and not by the foreign key (see {where})",
            "-> [nullable], or no null",
        )

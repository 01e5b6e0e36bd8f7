"""Alterations: the changes that turn an existing table into another one, or the reason why they cannot."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from levada_server.errors import InvalidRequest, UnknownAttribute
from levada_server.model.changes import (
    AddAttribute,
    AddForeignKey,
    AddIndex,
    ChangeComment,
    ChangeDefault,
    ChangeForeignKey,
    ChangeNullable,
    ChangeTableComment,
    ChangeTier,
    DropAttribute,
    DropForeignKey,
    DropIndex,
    RenameAttribute,
    RenameTable,
    ReorderAttributes,
    RetypeAttribute,
)
from levada_server.model.heading import Attribute, Heading
from levada_server.model.kinds import MOMENTS, NUMERIC, Family
from levada_server.model.table import ForeignKey, Ownership, Table, TableName, Tier

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from levada_server.model.changes import Change
    from levada_server.model.types import AttributeType

_SAME_ROWS = ({Tier.MANUAL, Tier.LOOKUP}, {Tier.IMPORTED, Tier.COMPUTED})
"""Tiers whose rows come from the same source, so that a table may change between them."""


@dataclass(frozen=True, slots=True)
class Alteration:
    """How one table becomes another.

    Args:
        existing: The present table.
        renamed: The same table with the new names of its attributes.
        wanted: The table as it will be, with the id of the existing one.
        changes: In the order in which they are made; empty if the tables are equal.
    """

    existing: Table
    renamed: Table
    wanted: Table
    changes: tuple[Change, ...]

    @property
    def renames(self) -> dict[str, str]:
        """The new names of renamed attributes, by their old names."""
        pairs = zip(self.existing.heading.names, self.renamed.heading.names, strict=True)
        return {old: new for old, new in pairs if old != new}


def alteration(existing: Table, wanted: Table, renames: Mapping[str, str]) -> Alteration:
    """Find the changes that turn a table into another one.

    Args:
        existing: The table in the catalog.
        wanted: The table that the definition declares.
        renames: The old name of an attribute by its new one. Other attributes are dropped under one name and added
            under the other.

    Raises:
        UnknownAttribute: An attribute to be renamed does not exist.
        InvalidRequest: The primary key would change, or the tier or a type would become one that cannot hold the
            present values.
    """
    _check_renames(existing, wanted, renames)
    new_names = {old: new for new, old in renames.items()}
    renamed = _with_names(existing, new_names)
    _check_tier(existing, wanted)
    _check_key(existing, renamed, wanted)
    wanted = replace(
        wanted,
        id=existing.id,
        heading=_with_kept_comments(renamed, wanted),
        has_make=existing.has_make,
        key_source=existing.key_source,
        ownership=_kept_ownership(renamed, wanted),
        source_key=None if existing.source_key is None else tuple(new_names.get(n, n) for n in existing.source_key),
    )
    return Alteration(existing, renamed, wanted, tuple(_changes(existing, renamed, wanted)))


def convertible(old: AttributeType, new: AttributeType) -> bool:
    """Return whether values of one type may fit another; whether the stored values do, only the rows can show."""
    families = {old.family, new.family}
    if old == new or families <= NUMERIC or families <= MOMENTS or families == {Family.TIME, Family.SPAN}:
        return True
    # All but opaque values can be written as text and read from it.
    return Family.OPAQUE not in families and (len(families) == 1 or Family.TEXT in families)


def _check_renames(existing: Table, wanted: Table, renames: Mapping[str, str]) -> None:
    for new, old in renames.items():
        if old not in existing.heading:
            raise UnknownAttribute(
                f"`{old}` cannot become `{new}`: `{existing.name}` has no attribute `{old}`; "
                f"it has {', '.join(existing.heading.names)}.",
                attribute=old,
            )
        if new not in wanted.heading:
            raise UnknownAttribute(
                f"`{old}` cannot become `{new}`: the definition has no attribute `{new}`.", attribute=new
            )
        if old in wanted.heading and old not in renames:
            raise InvalidRequest(
                f"`{old}` cannot become `{new}`: the definition still has `{old}`; remove its line.", field="renames"
            )
        if new in existing.heading and new in wanted.heading and new not in renames.values():
            raise InvalidRequest(
                f"`{old}` cannot become `{new}`, which exists; drop that one first, or choose another name.",
                field="renames",
            )
        if others := [other for other in renames if renames[other] == old and other != new]:
            raise InvalidRequest(
                f"`{old}` cannot become both `{new}` and `{others[0]}`; name it once.", field="renames"
            )


def _with_names(table: Table, names: Mapping[str, str]) -> Table:
    """Return the table with other names for its attributes.

    Expressions of indexes keep their text: such an index is dropped and created again.
    """
    if not names:
        return table
    return replace(
        table,
        heading=Heading(tuple(replace(a, name=names.get(a.name, a.name)) for a in table.heading)),
        foreign_keys=tuple(
            replace(key, columns=tuple((names.get(child, child), parent) for child, parent in key.columns))
            for key in table.foreign_keys
        ),
        ownership=None
        if table.ownership is None
        else replace(table.ownership, attribute=names.get(table.ownership.attribute, table.ownership.attribute)),
        indexes=tuple(
            replace(index, expressions=tuple(names.get(e, e) for e in index.expressions)) for index in table.indexes
        ),
    )


def _kept_ownership(renamed: Table, wanted: Table) -> Ownership | None:
    """Return the rule by which rows belong to teams, and refuse to drop the attribute that names them."""
    kept = renamed.ownership
    if kept is not None and (
        kept.attribute not in wanted.heading or wanted.heading[kept.attribute].type.family is not Family.TEXT
    ):
        raise InvalidRequest(
            f"`{kept.attribute}` of `{renamed.name}` names the team of a row, so it stays, as text, until an owner of "
            "the table ends that.",
            table=renamed.name,
            attribute=kept.attribute,
        )
    return kept


def _check_tier(existing: Table, wanted: Table) -> None:
    if existing.tier is not wanted.tier and {existing.tier, wanted.tier} not in _SAME_ROWS:
        raise InvalidRequest(
            f"`{existing.name}` is {existing.tier.value} and cannot become {wanted.tier.value}, "
            f"whose rows come from elsewhere. {_way_around(existing)}",
            field="tier",
        )


def _check_key(existing: Table, renamed: Table, wanted: Table) -> None:
    """Refuse changes to the key: names, types, order, lineage, or the key source."""
    old, new = _key(renamed), _key(wanted)
    if old != new:
        raise InvalidRequest(
            f"The primary key of `{existing.name}` is ({_described(old)}) and would be ({_described(new)}); "
            f"a primary key cannot be altered. {_way_around(existing)}",
            field="definition",
        )
    for name in wanted.heading.primary_key:
        if _inherited_origin(renamed, name) != _inherited_origin(wanted, name):
            raise InvalidRequest(
                f"The key attribute `{name}` of `{existing.name}` would get another origin by a foreign key; "
                f"a primary key cannot be altered. {_way_around(existing)}",
                field="definition",
            )
    if {k for k, key in _by_place(renamed).items() if key.primary_key} != {
        k for k, key in _by_place(wanted).items() if key.primary_key
    }:
        raise InvalidRequest(
            f"The foreign keys in the primary key of `{existing.name}` cannot be altered. {_way_around(existing)}",
            field="definition",
        )


def _way_around(existing: Table) -> str:
    return (
        "Declare a new table, insert a query on this one into it, drop this one, "
        f"and alter the new one's name to `{existing.name.table}`."
    )


def _key(table: Table) -> tuple[tuple[str, str], ...]:
    return tuple(
        (a.name, f"{a.type}{' auto_increment' if a.auto_increment else ''}") for a in table.heading if a.primary_key
    )


def _described(key: tuple[tuple[str, str], ...]) -> str:
    return ", ".join(f"{name} : {type_}" for name, type_ in key)


def _inherited(table: Table) -> set[str]:
    return {child for key in table.foreign_keys for child in key.child_columns}


def _inherited_origin(table: Table, name: str) -> int | None:
    origin = table.heading[name].origin
    return origin.attribute_id if origin is not None and name in _inherited(table) else None


def _with_kept_comments(renamed: Table, wanted: Table) -> Heading:
    """Let an inherited attribute keep its present comment: its line is its parent's."""
    kept = {name for name in _inherited(wanted) if name in renamed.heading}
    return Heading(
        tuple(replace(a, comment=renamed.heading[a.name].comment) if a.name in kept else a for a in wanted.heading)
    )


_Place: TypeAlias = tuple[TableName, tuple[tuple[str, str], ...]]


def _by_place(table: Table) -> dict[_Place, ForeignKey]:
    return {(key.parent, key.columns): key for key in table.foreign_keys}


def _changes(existing: Table, renamed: Table, wanted: Table) -> Iterator[Change]:
    if existing.name != wanted.name:
        yield RenameTable(existing.name, wanted.name)
    if existing.tier is not wanted.tier:
        yield ChangeTier(existing.tier, wanted.tier)
    if existing.comment != wanted.comment:
        yield ChangeTableComment(existing.comment, wanted.comment)
    old_keys, new_keys = _by_place(renamed), _by_place(wanted)
    for place, key in old_keys.items():
        if place not in new_keys:
            yield DropForeignKey(key)
    for index in renamed.indexes:
        if index not in wanted.indexes:
            yield DropIndex(index)
    yield from _changed_attributes(existing, renamed, wanted)
    for place, key in new_keys.items():
        if place not in old_keys:
            yield AddForeignKey(key)
        elif key != old_keys[place]:
            yield ChangeForeignKey(old_keys[place], key)
    for index in wanted.indexes:
        if index not in renamed.indexes:
            yield AddIndex(index)
    kept = [name for name in renamed.heading.names if name in wanted.heading]
    if [name for name in wanted.heading.names if name in renamed.heading] != kept:
        yield ReorderAttributes(wanted.heading.names)


def _changed_attributes(existing: Table, renamed: Table, wanted: Table) -> Iterator[Change]:
    for attribute in renamed.heading:
        if attribute.name not in wanted.heading:
            yield DropAttribute(attribute)
    for old, new in zip(existing.heading, renamed.heading, strict=True):
        if old.name != new.name:
            yield RenameAttribute(old.name, new.name)
    for attribute in wanted.heading:
        if attribute.name in renamed.heading:
            yield from _changed_attribute(existing, renamed.heading[attribute.name], attribute)
        else:
            yield AddAttribute(attribute)


def _changed_attribute(table: Table, old: Attribute, new: Attribute) -> Iterator[Change]:
    if not convertible(old.type, new.type):
        raise InvalidRequest(
            f"`{old.name}` of `{table.name}` is {old.type}, whose values cannot become {new.type}; "
            "add an attribute of another name, fill it, and drop this one.",
            field="definition",
        )
    if old.auto_increment != new.auto_increment:
        raise InvalidRequest(
            f"`{old.name}` of `{table.name}` cannot gain or lose auto_increment; add an attribute of another name.",
            field="definition",
        )
    if old.type != new.type:
        yield RetypeAttribute(old, new)
    if old.nullable != new.nullable:
        yield ChangeNullable(new)
    if _value(old) != _value(new):
        yield ChangeDefault(old, new)
    if old.comment != new.comment:
        yield ChangeComment(old, new)


def _value(attribute: Attribute) -> str | None:
    """Spell a default that is a value."""
    return None if attribute.default is None or attribute.default.null else str(attribute.default)

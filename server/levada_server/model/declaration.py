"""Declarations: a definition and the tables it refers to become a table."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from levada_server.errors import InvalidDefinition, InvalidRequest, NotFound
from levada_server.model.definition.attribute_line import AttributeLine
from levada_server.model.definition.foreign_key_line import ForeignKeyLine
from levada_server.model.definition.index_line import IndexItem, IndexLine
from levada_server.model.definition.lines import parse_definition
from levada_server.model.definition.text import Line, pointing, refuse
from levada_server.model.heading import Attribute, Heading
from levada_server.model.inheritance import Attributes, Mentioned, add_foreign_key, check_own
from levada_server.model.kinds import Family, Kind
from levada_server.model.table import ForeignKey, Index, Table, TableName, Tier, check_table_name
from levada_server.model.types import NO_CODECS, excerpt

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from levada_server.model.heading import Default

MAX_ATTRIBUTES = 1_000
MAX_KEY_ATTRIBUTES = 32
"""PostgreSQL's own limit on the columns of a primary key and of every index."""
MAX_FOREIGN_KEYS = 200
MAX_INDEXES = 100

MASTER = "master"
"""How a part's definition names its master."""


def declare(
    name: TableName,
    tier: Tier,
    definition: str,
    resolve: Callable[[str], Table],
    codecs: Mapping[str, str] = NO_CODECS,
    times_are_spans: Callable[[str], bool] = lambda name: False,
) -> Table:
    """Build a table from its definition.

    A native attribute gets no origin, even in the key: it becomes its own origin as soon as it has an id.

    Args:
        resolve: Returns the table for a name after `->`, as the host language writes it: `lab.Session.Trial`, `master`;
            or raises an error.
        codecs: The client's codecs, as `parse_type` takes them.
        times_are_spans: Returns whether `time` declares the attribute of a name as a duration.

    Raises:
        InvalidDefinition: The definition is not valid; the message quotes the line and points at the column.
        InvalidRequest: The table cannot have this name, or not with this tier.
        UnknownTable: Raised by `resolve`; the line is added to its message.
    """
    check_table_name(name)
    if (tier is Tier.PART) != (name.master is not None):
        raise InvalidRequest(
            f"`{name}` cannot be {tier.value}: part tables, and only those, are named inside their master.",
            field="tier",
        )
    parsed = parse_definition(definition, codecs, times_are_spans)
    attributes: Attributes = {}
    foreign_keys: dict[ForeignKey, Line] = {}
    index_lines: list[IndexLine] = []
    for line in parsed.lines:
        match line:
            case AttributeLine():
                _add_attribute(attributes, line)
            case ForeignKeyLine():
                parent = _resolved(line, name, resolve)
                foreign_key = add_foreign_key(attributes, line, parent)
                _check_repeated(line, foreign_key, foreign_keys)
                foreign_keys[foreign_key] = line.line
            case IndexLine():
                index_lines.append(line)
        _check_limits(line.line, attributes, len(foreign_keys), len(index_lines))
    if not attributes:
        raise InvalidDefinition(
            "The definition has no attributes; expected a line such as `subject_id : int32`.",
            line=1,
            column=1,
            expected="a line such as `subject_id : int32`",
        )
    return Table(
        id=0,
        name=name,
        tier=tier,
        heading=Heading(tuple(mentioned.attribute for mentioned in attributes.values())),
        foreign_keys=tuple(foreign_keys),
        indexes=_indexes(index_lines, attributes),
        comment=parsed.comment,
    )


def referenced_names(definition: str) -> tuple[str, ...]:
    """Return the names after each `->`, as written, in order, each once.

    Raises:
        InvalidDefinition: A line is wrong by itself, as in `declare`.
    """
    parsed = parse_definition(definition)
    return tuple(dict.fromkeys(line.parent.text for line in parsed.lines if isinstance(line, ForeignKeyLine)))


def warnings(table: Table, *, divided: bool) -> tuple[str, ...]:
    """List warnings about a definition that is valid but unwise.

    Args:
        divided: It has a line that divides the key from other attributes.
    """
    inherited = {child for key in table.foreign_keys for child in key.child_columns}
    found = [
        f"`{attribute.name}` is a {attribute.type} in the primary key: what should be equal may differ "
        "in its last digit; decimal compares exactly."
        for attribute in table.heading
        if attribute.primary_key and attribute.type.family is Family.FLOAT and attribute.name not in inherited
    ]
    found += [
        f"The foreign key to {key.parent} is nullable, but its attributes get their values from another line."
        for key in table.foreign_keys
        if key.nullable and not any(table.heading[child].nullable for child in key.child_columns)
    ]
    own = [attribute.name for attribute in table.heading if attribute.name not in inherited]
    if not divided and len(own) > 1:
        named = f"{', '.join(own[1:4])}{', …' if len(own) > 4 else ''}"
        found.append(
            f"All attributes are in the primary key, {named} too, because the definition has no line `---`. Put one "
            "below the key: at the end, if all of them are meant to be in it."
        )
    return tuple(found)


def _within(name: TableName, master: TableName) -> bool:
    """Return whether a table is the master or one of its parts."""
    return name.schema == master.schema and f"{name.table}.".startswith(f"{master.table}.")


def _check_limits(line: Line, attributes: Attributes, foreign_keys: int, indexes: int) -> None:
    key = sum(mentioned.attribute.primary_key for mentioned in attributes.values())
    for count, limit, noun in (
        (len(attributes), MAX_ATTRIBUTES, "attributes"),
        (key, MAX_KEY_ATTRIBUTES, "attributes in the primary key"),
        (foreign_keys, MAX_FOREIGN_KEYS, "foreign keys"),
        (indexes, MAX_INDEXES, "indexes"),
    ):
        if count > limit:
            raise refuse(line, 0, f"with this line the table has {count} {noun}", f"at most {limit}")


def _add_attribute(attributes: Attributes, line: AttributeLine) -> None:
    name = line.name.text
    present = attributes.get(name)
    if present is None:
        nullable = line.default is not None and line.default.null
        attribute = Attribute(
            name, line.type, line.primary_key, nullable, line.default, line.auto_increment, line.comment
        )
        attributes[name] = Mentioned(attribute, own=line)
        return
    if present.own is not None:
        raise refuse(line.line, line.name.offset, f"`{name}` is on {present.where} already", "another name")
    if present.attribute.type != line.type:
        raise refuse(
            line.line,
            line.type_offset,
            f"`{name}` is {present.attribute.type} by the foreign key on {present.where}",
            f"the same type, or no line for `{name}`",
        )
    check_own(line.line, line.default_offset, line, present.attribute.nullable, present.where)
    attributes[name] = replace(present, attribute=_required(present.attribute, line.default), own=line)


def _required(attribute: Attribute, default: Default | None) -> Attribute:
    """Merge the default of an inherited attribute's own line: it is nullable only if both lines say so."""
    nullable = attribute.nullable and default is not None and default.null
    return replace(attribute, nullable=nullable, default=default)


def _resolved(line: ForeignKeyLine, name: TableName, resolve: Callable[[str], Table]) -> Table:
    if line.parent.text == MASTER and name.master is None:
        raise refuse(line.line, line.parent.offset, "only a part table has a master", "the name of a table")
    try:
        parent = resolve(line.parent.text)
    except (NotFound, InvalidDefinition) as error:
        message, place = pointing(line.line, line.parent.offset, error.message)
        raise type(error)(message, **{**error.details, **place}) from None
    if _within(parent.name, name):
        raise refuse(
            line.line,
            line.parent.offset,
            "a table cannot refer to itself" if parent.name == name else "a master cannot refer to its own part",
            "a table that does not depend on this one",
        )
    if not parent.heading.primary_key:
        raise refuse(
            line.line,
            line.parent.offset,
            f"{parent.name} is a singleton: it has no primary key to refer to",
            "a table with a primary key",
        )
    return parent


def _check_repeated(line: ForeignKeyLine, foreign_key: ForeignKey, earlier: dict[ForeignKey, Line]) -> None:
    for other, where in earlier.items():
        if (other.parent, other.columns) == (foreign_key.parent, foreign_key.columns):
            raise refuse(
                line.line,
                line.parent.offset,
                f"line {where.number} is the same foreign key",
                "other attributes",
            )


def _indexes(index_lines: list[IndexLine], attributes: Attributes) -> tuple[Index, ...]:
    indexes: dict[tuple[str, ...], Index] = {}
    for line in index_lines:
        expressions = tuple(_indexed(line.line, item, attributes) for item in line.items)
        if len(expressions) > MAX_KEY_ATTRIBUTES:
            raise refuse(line.line, 0, f"this index has {len(expressions)} attributes", f"at most {MAX_KEY_ATTRIBUTES}")
        if len(set(expressions)) < len(expressions):
            raise refuse(line.line, 0, "an attribute occurs twice in this index", "each attribute once")
        if expressions in indexes:
            raise refuse(line.line, 0, "another line declares this index", "each index once")
        indexes[expressions] = Index(expressions, line.unique)
    return tuple(indexes.values())


def _indexed(line: Line, item: IndexItem, attributes: Attributes) -> str:
    """Return the expression of an index's item if it can be indexed."""
    if not item.attribute:
        return item.expression
    if item.attribute not in attributes:
        raise refuse(
            line,
            item.offset,
            f"there is no attribute `{excerpt(item.attribute)}`",
            f"one of {', '.join(attributes)}",
        )
    type_ = attributes[item.attribute].attribute.type
    if item.path and type_.family is not Family.JSON:
        raise refuse(line, item.offset, f"`{item.attribute}` is {type_}, which has no paths", "a json attribute")
    if not item.path and not type_.kind.traits.keyable and type_.kind is not Kind.OBJECT:
        raise refuse(
            line,
            item.offset,
            f"`{item.attribute}` is {type_}, which has no order",
            "an attribute that a key could have, or one whose values are kept in a store",
        )
    return item.expression

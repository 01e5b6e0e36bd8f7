"""Alterations as DDL: pure text, which storage runs in one transaction.

Constraints and indexes are named by their position in the definition, so an unchanged one may be renamed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from levada_server.model import changes as change
from levada_server.model.kinds import Family
from levada_server.query import ddl
from levada_server.query.postgres_types import column_check, column_type, value_type
from levada_server.query.sql import quote_name, quote_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from levada_server.model.alteration import Alteration
    from levada_server.model.changes import RetypeAttribute
    from levada_server.model.table import Table, TableName
    from levada_server.model.types import AttributeType

_COLLATION = ' COLLATE "C"'
_OF_SPANS = {
    (Family.SPAN, Family.TEXT): "span_text",
    (Family.TEXT, Family.SPAN): "read_span",
    (Family.SPAN, Family.TIME): "to_time",
    (Family.TIME, Family.SPAN): "since_midnight",
}
"""Our functions between spans of time and other values."""


@dataclass(frozen=True, slots=True)
class Step:
    """One statement of an alteration.

    Args:
        purpose: The change that it belongs to; empty if no row can prevent it.
        statement: Its text.
    """

    purpose: str
    statement: str


@dataclass(frozen=True, slots=True)
class LossCheck:
    """A search for values that a change of type would not preserve, before it.

    Args:
        purpose: As in a step.
        column: The column, quoted.
        lossy: A condition that such values meet; computing it fails for values that the new type cannot hold.
    """

    purpose: str
    column: str
    lossy: str


@dataclass(frozen=True, slots=True)
class _Stored:
    """A constraint or an index: its rule, its name, and the DDL that creates it."""

    identity: tuple[object, ...]
    name: str
    constraint: bool
    create: str
    purpose: str
    computed: bool = False


def lock_table(name: TableName) -> str:
    """Lock a table against all others until the transaction ends."""
    return f"LOCK TABLE {ddl.qualified(name)} IN ACCESS EXCLUSIVE MODE"


def rename_schema(old: str, new: str) -> str:
    """Rename the PostgreSQL schema of a schema."""
    return f"ALTER SCHEMA {quote_name(old)} RENAME TO {quote_name(new)}"


def rename_table(old: TableName, new: TableName) -> list[str]:
    """Rename a stored table."""
    if old.stored == new.stored:
        return []
    return [f"ALTER TABLE {ddl.qualified(old)} RENAME TO {quote_name(new.stored)}"]


def alter_table(altered: Alteration, checks: Mapping[str, Sequence[str]]) -> Iterator[Step | LossCheck]:
    """Write the steps of an alteration, except the table's rename, in order.

    Args:
        checks: Names of the CHECK constraints of each attribute of the existing table.
    """
    name = ddl.qualified(altered.existing.name)
    old = _stored(altered.existing, altered.renames)
    new = _stored(replace(altered.wanted, name=altered.existing.name), {})
    kept = old.keys() & new.keys()
    if any(isinstance(one, change.RetypeAttribute) for one in altered.changes):
        # An expression was compiled for the former types of its attributes.
        kept = {identity for identity in kept if not old[identity].computed}
    for identity, stored in old.items():
        if identity not in kept:
            yield Step("", _drop(name, stored))
    yield from _rename_attributes(name, altered)
    checks = {altered.renames.get(attribute, attribute): names for attribute, names in checks.items()}
    for one in altered.changes:
        for step in _attribute_change(name, one, checks):
            yield replace(step, purpose=str(one))
    yield from _rename_stored(name, [(old[identity], new[identity].name) for identity in old if identity in kept])
    for identity, stored in new.items():
        if identity not in kept:
            yield Step(stored.purpose, stored.create)


def _attribute_change(name: str, one: change.Change, checks: Mapping[str, Sequence[str]]) -> Iterator[Step | LossCheck]:
    match one:
        case change.ChangeTableComment():
            yield Step("", f"COMMENT ON TABLE {name} IS {quote_text(one.new)}")
        case change.DropAttribute():
            yield Step("", f"ALTER TABLE {name} DROP COLUMN {quote_name(one.attribute.name)}")
        case change.AddAttribute():
            yield Step("", f"ALTER TABLE {name} ADD COLUMN {ddl.column(one.attribute)}")
            if one.attribute.comment:
                yield Step("", _comment(name, one.attribute.name, one.attribute.comment))
        case change.RetypeAttribute():
            yield from _retype(name, one, checks)
        case change.ChangeDefault():
            yield Step("", _set_default(name, one.new.name, ddl.default_expression(one.new)))
        case change.ChangeNullable():
            action = "DROP NOT NULL" if one.new.nullable else "SET NOT NULL"
            yield Step("", f"ALTER TABLE {name} ALTER COLUMN {quote_name(one.new.name)} {action}")
        case change.ChangeComment():
            yield Step("", _comment(name, one.new.name, one.new.comment))
        case _:
            # Names, references and indexes are changed for the whole table at once; the rest is in the catalog.
            return


def _retype(name: str, one: RetypeAttribute, checks: Mapping[str, Sequence[str]]) -> Iterator[Step | LossCheck]:
    """Change a column's type without changing any value."""
    column = quote_name(one.new.name)
    yield LossCheck("", column, _lossy(column, one.old.type, one.new.type))
    for check in checks.get(one.new.name, ()):
        yield Step("", f"ALTER TABLE {name} DROP CONSTRAINT {quote_name(check)}")
    default = None if one.new.auto_increment else ddl.default_expression(one.new)
    if ddl.default_expression(one.old) is not None:
        yield Step("", _set_default(name, one.new.name, None))
    using = _cast(column, one.old.type, one.new.type)
    yield Step("", f"ALTER TABLE {name} ALTER COLUMN {column} TYPE {column_type(one.new.type)} USING ({using})")
    if default is not None:
        yield Step("", _set_default(name, one.new.name, default))
    condition = column_check(one.new.name, one.new.type)
    if condition is not None:
        yield Step("", f"ALTER TABLE {name} ADD CHECK ({condition})")


def _cast(operand: str, old: AttributeType, new: AttributeType) -> str:
    """Write a value of one type as one of another, without the other's length or digits."""
    families = {old.family, new.family}
    if Family.SPAN in families and len(families) == 2:
        # Text and times of day; PostgreSQL would read numbers.
        return f"levada_functions.{_OF_SPANS[old.family, new.family]}({operand})"
    if Family.BOOL in families and Family.TEXT not in families and len(families) == 2:
        # PostgreSQL has no other conversion between booleans and other numbers.
        return f"({operand})::integer::{value_type(new)}"
    return f"({operand})::{value_type(new)}"


def _lossy(column: str, old: AttributeType, new: AttributeType) -> str:
    """Write the condition for values that the other type would change; it fails for values it cannot hold."""
    exact = f"({_cast(column, old, new)})::{column_type(new)}".removesuffix(_COLLATION)
    if old.family is Family.TEXT is not new.family:
        # A text may spell its value in more than one way.
        return f"{column}::numeric <> {exact}" if new.family is Family.DECIMAL else f"{exact} IS NULL"
    return f"{_cast(exact, new, old)} IS DISTINCT FROM {column}"


def _rename_attributes(name: str, altered: Alteration) -> Iterator[Step]:
    renames = altered.renames
    tables = [(name, list(renames))]
    if altered.existing.tier.auto_populated:
        key = altered.existing.job_key
        tables.append((ddl.job_table_name(altered.existing), [old for old in renames if old in key]))
    for table, names in tables:
        # By way of names that no attribute can have, because two may swap names.
        for index, old in enumerate(names):
            yield Step("", f"ALTER TABLE {table} RENAME COLUMN {quote_name(old)} TO _renamed{index}")
        for index, old in enumerate(names):
            yield Step("", f"ALTER TABLE {table} RENAME COLUMN _renamed{index} TO {quote_name(renames[old])}")


def _rename_stored(name: str, kept: Sequence[tuple[_Stored, str]]) -> Iterator[Step]:
    """Rename constraints and indexes for their new positions."""
    moved = [(stored, new) for stored, new in kept if stored.name != new]
    # By way of unused names, because one may take the name of another.
    for stored, new in moved:
        yield Step("", _rename(name, stored, stored.name, f"{new}_moving"))
    for stored, new in moved:
        yield Step("", _rename(name, stored, f"{new}_moving", new))


def _rename(name: str, stored: _Stored, old: str, new: str) -> str:
    if stored.constraint:
        return f"ALTER TABLE {name} RENAME CONSTRAINT {old} TO {new}"
    return f"ALTER INDEX {_beside(name, old)} RENAME TO {new}"


def _drop(name: str, stored: _Stored) -> str:
    if stored.constraint:
        return f"ALTER TABLE {name} DROP CONSTRAINT {stored.name}"
    return f"DROP INDEX {_beside(name, stored.name)}"


def _beside(name: str, index: str) -> str:
    """Name an index together with the schema of its table, whose name is quoted."""
    return f"{name.partition('.')[0]}.{index}"


def _set_default(name: str, attribute: str, default: str | None) -> str:
    action = "DROP DEFAULT" if default is None else f"SET DEFAULT {default}"
    return f"ALTER TABLE {name} ALTER COLUMN {quote_name(attribute)} {action}"


def _comment(name: str, attribute: str, comment: str) -> str:
    return f"COMMENT ON COLUMN {name}.{quote_name(attribute)} IS {quote_text(comment)}"


def _stored(table: Table, renames: Mapping[str, str]) -> dict[tuple[object, ...], _Stored]:
    """Map the rules of a table's constraints and indexes, after its attributes are renamed, to their names."""
    name = ddl.qualified(table.name)
    found = []
    for position, key in enumerate(table.foreign_keys):
        columns = tuple((renames.get(child, child), parent) for child, parent in key.columns)
        constraint = ddl.foreign_key_constraint(table, position)
        create = f"ALTER TABLE {name} ADD CONSTRAINT {constraint} {ddl.foreign_key(key)}"
        purpose = str(change.AddForeignKey(key))
        found.append(_Stored(("reference", key.parent, columns), constraint, True, create, purpose))
        if key.unique:
            constraint = ddl.unique_reference_constraint(table, position)
            create = f"ALTER TABLE {name} ADD CONSTRAINT {constraint} {ddl.unique_reference(key)}"
            found.append(_Stored(("unique", key.parent, columns), constraint, True, create, purpose))
    for index in ddl.stored_indexes(table):
        expressions = tuple(renames.get(expression, expression) for expression in index.expressions)
        purpose = f"add the index ({', '.join(index.expressions)})"
        computed = any(expression not in table.heading for expression in index.expressions)
        found.append(
            _Stored(("index", expressions, index.unique), index.name, False, index.statement, purpose, computed)
        )
    return {stored.identity: stored for stored in found}

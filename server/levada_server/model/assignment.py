"""Which attributes may take which values: the rules of an update and of inserting a query."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada_server.errors import InvalidRequest, LevadaError, MissingAttribute, UnknownAttribute, WrongValue
from levada_server.model.kinds import NUMBERS, Family, Kind
from levada_server.model.values import coerce

if TYPE_CHECKING:
    from collections.abc import Mapping

    from levada_server.model.heading import Attribute, Heading
    from levada_server.model.table import Table
    from levada_server.model.types import AttributeType


def insertable(table: Table, source: Heading, *, ignore_extra_fields: bool) -> tuple[str, ...]:
    """Name the attributes of a query that an insert into a table takes, in the query's order.

    Raises:
        UnknownAttribute: The query has an attribute that the table lacks, unless `ignore_extra_fields`.
        MissingAttribute: The table needs an attribute that the query lacks.
        InvalidRequest: The types of an attribute are of different kinds.
    """
    unknown = [name for name in source.names if name not in table.heading]
    if unknown and not ignore_extra_fields:
        raise UnknownAttribute(
            f"`{table.name}` has no attribute {', '.join(f'`{name}`' for name in unknown)}; drop it with "
            ".proj() or pass ignore_extra_fields=True.",
            table=table.name,
            attribute=unknown[0],
        )
    for attribute in table.heading:
        if attribute.name not in source and not may_be_left_out(attribute):
            raise MissingAttribute(
                f"`{table.name}` needs a value for `{attribute.name}`, and the query has no such attribute.",
                table=table.name,
                attribute=attribute.name,
            )
    names = tuple(name for name in source.names if name in table.heading)
    for name in names:
        if not _same_kind(source[name].type, table.heading[name].type):
            raise InvalidRequest(
                f"`{name}` is a {source[name].type} in the query and a {table.heading[name].type} in `{table.name}`.",
                attribute=name,
            )
    return names


def may_be_left_out(attribute: Attribute) -> bool:
    """Return whether an insert may omit an attribute."""
    return attribute.nullable or attribute.auto_increment or attribute.default is not None


def _same_kind(left: AttributeType, right: AttributeType) -> bool:
    if left.kind is Kind.OBJECT:
        return left == right
    families = {left.family, right.family}
    return families <= NUMBERS or (len(families) == 1 and (Family.OPAQUE not in families or left.kind is right.kind))


def split_update(table: Table, row: Mapping[str, object]) -> tuple[dict[str, object], dict[str, object]]:
    """Split the row of an update into its key and the changes, each value as its type holds it.

    Raises:
        UnknownAttribute: A name is not an attribute of the table.
        InvalidRequest: The key is incomplete, or nothing is to be changed.
        MissingAttribute: A value is None but its attribute has no default.
        WrongValue: A value does not fit.
    """
    fitted = {name: _fitted(table, table.heading[name], value) for name, value in row.items()}
    missing = [name for name in table.heading.primary_key if fitted.get(name) is None]
    if missing:
        raise InvalidRequest(
            f"An update of `{table.name}` names one entity by its whole key; `{missing[0]}` is missing.",
            attribute=missing[0],
        )
    key = {name: fitted.pop(name) for name in table.heading.primary_key}
    if not fitted:
        raise InvalidRequest(f"An update of `{table.name}` needs attributes to change besides the key.")
    return key, fitted


def _fitted(table: Table, attribute: Attribute, value: object) -> object:
    if value is None:
        if not may_be_left_out(attribute):
            raise MissingAttribute(
                f"`{table.name}`: `{attribute.name}` has no default, so None cannot stand for it.",
                table=table.name,
                attribute=attribute.name,
            )
        return None
    try:
        return coerce(value, attribute.type)
    except LevadaError as error:
        kind = type(error) if isinstance(error, WrongValue) else WrongValue
        raise kind(
            f"`{table.name}`, attribute `{attribute.name}`: {error}", table=table.name, attribute=attribute.name
        ) from None

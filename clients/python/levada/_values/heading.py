"""Headings for users: the ordered attributes of a table or query."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from levada._values.types import AttributeType, Family, parse_type

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from levada_api.v1 import schema_pb2 as pb


@dataclass(frozen=True, slots=True)
class Attribute:
    """A named, typed attribute.

    Args:
        type: As a definition spells it: `varchar(40)`.
        in_key: It is part of the primary key.
        default: As a definition spells it; None if a value is required.
        autoincrement: The server fills in the next number if it is omitted.
        origin: `schema.Table.attribute` where it originated; empty for computed and plain secondary attributes.
    """

    name: str
    type: str
    in_key: bool
    nullable: bool
    default: str | None
    comment: str
    autoincrement: bool
    origin: str

    @property
    def parsed_type(self) -> AttributeType:
        """The parsed type."""
        return parse_type(self.type)


@dataclass(frozen=True)
class Heading:
    """The ordered attributes of a table or query, the primary key first."""

    attributes: Mapping[str, Attribute]

    @cached_property
    def names(self) -> list[str]:
        """Names of all attributes, in order."""
        return list(self.attributes)

    @cached_property
    def primary_key(self) -> list[str]:
        """Names of the attributes of the primary key, in order."""
        return [attribute.name for attribute in self.attributes.values() if attribute.in_key]

    @cached_property
    def secondary_attributes(self) -> list[str]:
        """Names of the attributes outside the primary key, in order."""
        return [attribute.name for attribute in self.attributes.values() if not attribute.in_key]

    @property
    def blobs(self) -> list[str]:
        """Names of the attributes of the types `<blob>` and `<blob@…>`, in order."""
        types = {name: attribute.parsed_type for name, attribute in self.attributes.items()}
        return [name for name, type_ in types.items() if type_.family is Family.BLOB or type_.codec == "blob"]

    @property
    def non_blobs(self) -> list[str]:
        """Names of the other attributes, in order."""
        return [name for name in self.attributes if name not in self.blobs]

    @property
    def as_dtype(self) -> np.dtype[np.void]:
        """The dtype of a structured array of rows: int64, float64 and bool, objects for other types."""
        return np.dtype([(name, _element(attribute.parsed_type)) for name, attribute in self.attributes.items()])

    def __getitem__(self, name: str) -> Attribute:
        return self.attributes[name]

    def __contains__(self, name: object) -> bool:
        return name in self.attributes

    def __iter__(self) -> Iterator[str]:
        return iter(self.attributes)

    def __len__(self) -> int:
        return len(self.attributes)

    def __repr__(self) -> str:
        """Show it like a definition."""
        lines: list[str] = []
        for index, attribute in enumerate(self.attributes.values()):
            if index == len(self.primary_key):
                lines.append("---")
            default = "" if attribute.default is None else f"={attribute.default}"
            line = f"{attribute.name + default:<20} : {attribute.type:<28} # {attribute.comment}"
            lines.append(line if attribute.comment else line.rpartition("#")[0].rstrip())
        return "\n".join(lines)


def _element(attribute_type: AttributeType) -> type:
    if attribute_type.integer:
        return np.int64
    if attribute_type.floating:
        return np.float64
    return np.bool_ if attribute_type.family is Family.BOOL else np.object_


def heading_from_message(message: pb.Heading) -> Heading:
    """Read a heading from the server's description."""
    return Heading(
        {
            a.name: Attribute(
                name=a.name,
                type=a.type,
                in_key=a.primary_key,
                nullable=a.nullable,
                default=a.default_value if a.HasField("default_value") else None,
                comment=a.comment,
                autoincrement=a.auto_increment,
                origin=a.origin,
            )
            for a in message.attributes
        }
    )

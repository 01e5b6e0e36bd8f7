"""Headings for users: the ordered attributes of a table or query."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from levada._base.absent_names import Explained
from levada._base.display import Cell, Column, Table
from levada._values.types import AttributeType, Family, parse_type

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from levada_api.v1 import schema_pb2 as pb


@dataclass(frozen=True)
class Attribute(Explained):
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

    @cached_property
    def parsed_type(self) -> AttributeType:
        """The parsed type."""
        return parse_type(self.type)

    @property
    def lineage(self) -> str | None:
        """Its `origin`; None if it has none."""
        return self.origin or None

    @property
    def numeric(self) -> bool:
        """Whether its values are numbers; those of `bool` count as 0 and 1."""
        arrow = self.parsed_type.arrow
        return pa.types.is_decimal(arrow) or (pa.types.is_primitive(arrow) and not pa.types.is_temporal(arrow))

    @property
    def string(self) -> bool:
        """Whether its values can be written as text: texts, dates and times."""
        return self.parsed_type.textual or pa.types.is_temporal(self.parsed_type.arrow)

    @property
    def uuid(self) -> bool:
        """Whether its type is `uuid`."""
        return self.parsed_type.family is Family.UUID

    @property
    def json(self) -> bool:
        """Whether its type is `json`."""
        return self.parsed_type.family is Family.JSON

    @property
    def is_blob(self) -> bool:
        """Whether its type is `<blob>` or `<blob@…>`."""
        return self.parsed_type.family is Family.BLOB or self.parsed_type.codec == "blob"

    @property
    def is_attachment(self) -> bool:
        """Whether its type is `<attach>` or `<attach@…>`."""
        return self.parsed_type.family is Family.FILE or self.parsed_type.codec == "attach"

    @property
    def is_filepath(self) -> bool:
        """Whether its type is `<filepath@…>`."""
        return self.parsed_type.codec == "filepath"

    @property
    def is_external(self) -> bool:
        """Whether its values are in a store."""
        return self.parsed_type.family is Family.OBJECT

    @property
    def is_hidden(self) -> bool:
        """Whether queries leave it out: never."""
        return False

    @property
    def store(self) -> str | None:
        """The store of its values, empty for the server's default store; None if they are in the table."""
        return self.parsed_type.store if self.is_external else None

    @property
    def codec(self) -> str | None:
        """The name of the codec that converts its values, if there is one."""
        return next(iter(self.parsed_type.codecs), None)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of an array of its values: int64, uint64, float64, bool, or objects."""
        return np.dtype(_element(self.parsed_type))

    @property
    def original_type(self) -> str:
        """Its type, as the definition spells it."""
        return self.type

    @property
    def sql_type(self) -> str:
        """Its type, as the definition spells it."""
        return self.type

    @property
    def sql(self) -> str:
        """A line of a definition that declares it."""
        default = "" if self.default is None else f" = {self.default}"
        comment = f"  # {self.comment}" if self.comment else ""
        return f"{self.name}{default} : {self.type}{comment}"

    def todict(self) -> dict[str, Any]:
        """Return its fields as a dictionary."""
        return asdict(self)


@dataclass(frozen=True)
class Heading(Explained):
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

    @cached_property
    def heavy(self) -> list[str]:
        """Names of the attributes whose values may be as large as blobs, in order."""
        # Documents are displayed like other texts.
        heavy = [a for a in self.attributes.values() if a.parsed_type.heavy or a.parsed_type.family is Family.JSON]
        return [attribute.name for attribute in heavy]

    @cached_property
    def arrow(self) -> pa.Schema:
        """The columns of rows with all attributes."""
        return arrow_schema(self.attributes.values())

    @property
    def blobs(self) -> list[str]:
        """Names of the attributes of the types `<blob>` and `<blob@…>`, in order."""
        return [name for name, attribute in self.attributes.items() if attribute.is_blob]

    @property
    def non_blobs(self) -> list[str]:
        """Names of the other attributes, in order."""
        return [name for name in self.attributes if name not in self.blobs]

    @property
    def has_autoincrement(self) -> bool:
        """Whether the server numbers one of the attributes."""
        return any(attribute.autoincrement for attribute in self.attributes.values())

    def as_sql(self, fields: Iterable[str], include_aliases: bool = True) -> str:
        """Return names in backticks, as a list of SQL or of an expression.

        Args:
            fields: The names.
            include_aliases: Not needed: an attribute has one name.
        """
        return ",".join(f"`{name}`" for name in fields)

    @property
    def as_dtype(self) -> np.dtype[np.void]:
        """The dtype of a structured array of rows: int64, uint64, float64 and bool, objects for other types."""
        return np.dtype([(name, attribute.dtype) for name, attribute in self.attributes.items()])

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

    def _repr_html_(self) -> str:
        columns = [Column("attribute"), Column("type"), Column("default"), Column("comment"), Column("from")]
        rows = [
            [
                Cell(f"*{attribute.name}" if attribute.in_key else attribute.name),
                Cell(attribute.type),
                Cell("" if attribute.default is None else attribute.default),
                Cell(attribute.comment),
                Cell(attribute.origin, dim=True),
            ]
            for attribute in self.attributes.values()
        ]
        return Table(columns, rows, about=["* primary key"]).html()


def arrow_schema(attributes: Iterable[Attribute]) -> pa.Schema:
    """Return the columns of rows to insert."""
    return pa.schema([(attribute.name, attribute.parsed_type.arrow) for attribute in attributes])


def _element(attribute_type: AttributeType) -> type:
    if attribute_type.integer:
        return attribute_type.wide
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

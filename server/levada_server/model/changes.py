"""Changes of a table, each with a line that describes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from levada_server.model.description import describe_attribute, describe_foreign_key, describe_index

if TYPE_CHECKING:
    from levada_server.model.heading import Attribute
    from levada_server.model.table import ForeignKey, Index, TableName, Tier


@dataclass(frozen=True, slots=True)
class RenameTable:
    """The table is renamed within its schema, together with its parts."""

    old: TableName
    new: TableName

    def __str__(self) -> str:
        return f"rename the table from `{self.old.table}` to `{self.new.table}`"


@dataclass(frozen=True, slots=True)
class ChangeTier:
    """The rows come from another source."""

    old: Tier
    new: Tier

    def __str__(self) -> str:
        return f"change the tier from {self.old.value} to {self.new.value}"


@dataclass(frozen=True, slots=True)
class ChangeTableComment:
    """The first line of the definition changes."""

    old: str
    new: str

    def __str__(self) -> str:
        return f"change the comment of the table from `{self.old}` to `{self.new}`"


@dataclass(frozen=True, slots=True)
class DropForeignKey:
    """A reference is dropped; its attributes stay if the definition still has them."""

    key: ForeignKey

    def __str__(self) -> str:
        return f"drop the foreign key `{describe_foreign_key(self.key, None)}`"


@dataclass(frozen=True, slots=True)
class DropIndex:
    """An index is dropped."""

    index: Index

    def __str__(self) -> str:
        return f"drop the `{describe_index(self.index)}`"


@dataclass(frozen=True, slots=True)
class DropAttribute:
    """An attribute is dropped with its values."""

    attribute: Attribute

    def __str__(self) -> str:
        return f"drop the attribute `{describe_attribute(self.attribute)}` and all its values"


@dataclass(frozen=True, slots=True)
class RenameAttribute:
    """An attribute is renamed and keeps its values and its lineage."""

    old: str
    new: str

    def __str__(self) -> str:
        return f"rename the attribute `{self.old}` to `{self.new}`"


@dataclass(frozen=True, slots=True)
class RetypeAttribute:
    """An attribute changes to another type, which can hold all its values."""

    old: Attribute
    new: Attribute

    def __str__(self) -> str:
        return f"change the type of `{self.new.name}` from {self.old.type} to {self.new.type}"


@dataclass(frozen=True, slots=True)
class ChangeDefault:
    """An attribute gets another default, or none."""

    old: Attribute
    new: Attribute

    def __str__(self) -> str:
        if self.new.default is None or self.new.default.null:
            return f"drop the default `{self.old.default}` of `{self.new.name}`"
        return f"make `{self.new.default}` the default of `{self.new.name}`"


@dataclass(frozen=True, slots=True)
class ChangeNullable:
    """An attribute may be NULL, or no longer may."""

    new: Attribute

    def __str__(self) -> str:
        return f"let `{self.new.name}` be null" if self.new.nullable else f"require a value of `{self.new.name}`"


@dataclass(frozen=True, slots=True)
class ChangeComment:
    """The comment of an attribute changes."""

    old: Attribute
    new: Attribute

    def __str__(self) -> str:
        return f"change the comment of `{self.new.name}` from `{self.old.comment}` to `{self.new.comment}`"


@dataclass(frozen=True, slots=True)
class AddAttribute:
    """An attribute is added: existing entities get NULL, or its default."""

    attribute: Attribute

    def __str__(self) -> str:
        return f"add the attribute `{describe_attribute(self.attribute)}`"


@dataclass(frozen=True, slots=True)
class ChangeForeignKey:
    """The options or the comment of a reference change."""

    old: ForeignKey
    new: ForeignKey

    def __str__(self) -> str:
        return (
            f"change the foreign key `{describe_foreign_key(self.old, None)}` "
            f"to `{describe_foreign_key(self.new, None)}`"
        )


@dataclass(frozen=True, slots=True)
class AddForeignKey:
    """A reference is added."""

    key: ForeignKey

    def __str__(self) -> str:
        return f"add the foreign key `{describe_foreign_key(self.key, None)}`"


@dataclass(frozen=True, slots=True)
class AddIndex:
    """An index is added."""

    index: Index

    def __str__(self) -> str:
        return f"add the `{describe_index(self.index)}`"


@dataclass(frozen=True, slots=True)
class ReorderAttributes:
    """The order of the heading changes."""

    names: tuple[str, ...]

    def __str__(self) -> str:
        return f"put the attributes in the order {', '.join(self.names)}"


Change: TypeAlias = (
    RenameTable
    | ChangeTier
    | ChangeTableComment
    | DropForeignKey
    | DropIndex
    | DropAttribute
    | RenameAttribute
    | RetypeAttribute
    | ChangeDefault
    | ChangeNullable
    | ChangeComment
    | AddAttribute
    | ChangeForeignKey
    | AddForeignKey
    | AddIndex
    | ReorderAttributes
)
"""One change of a table; its text describes it in a line."""


def rows_decide(change: Change) -> bool:
    """Return whether the rows of the table may prevent a change, so that its outcome tells of their values."""
    match change:
        case RetypeAttribute() | AddIndex() | AddForeignKey():
            return True
        case ChangeForeignKey(old, new):
            return new.unique and not old.unique
        case ChangeNullable(new):
            return not new.nullable
        case AddAttribute(attribute):
            return not attribute.nullable and attribute.default is None
        case _:
            return False

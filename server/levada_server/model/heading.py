"""Headings: ordered attributes, the primary key first, each with its origin."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from levada_server.errors import UnknownAttribute
from levada_server.model.near_names import meant

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from levada_server.model.types import AttributeType

Key = tuple[tuple[str, object], ...]
"""Names and values of an entity's primary key, in the order of the heading."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The attribute of a table in which an attribute originated.

    Two attributes mean the same if their origins are equal, whatever they are called.

    Args:
        attribute_id: The attribute's id in the catalog; renames keep it.
        label: `schema.Table.attribute`, for messages.
    """

    attribute_id: int
    label: str = field(compare=False)


@dataclass(frozen=True, slots=True)
class Default:
    """The value that an attribute gets if an insert omits it.

    Args:
        text: As the definition spells it, without quotes.
        quoted: The definition quotes it.
    """

    text: str
    quoted: bool = False

    def __str__(self) -> str:
        """Spell it as a definition does."""
        if not self.quoted:
            return self.text
        return '"' + self.text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    @property
    def null(self) -> bool:
        """NULL is the default."""
        return not self.quoted and self.text.lower() == "null"

    @property
    def current_timestamp(self) -> bool:
        """The time of the insert is the default."""
        return not self.quoted and self.text.lower() in ("current_timestamp", "current_timestamp()", "now()")


@dataclass(frozen=True, slots=True)
class Attribute:
    """A named, typed column of a table or of a query's result.

    Args:
        name: `[a-z][a-z0-9_]*`, at most 63 bytes.
        type: Its type.
        primary_key: It is part of the primary key.
        nullable: It may be NULL; never in a primary key.
        default: The value if an insert omits it; None if a value is required.
        auto_increment: A sequence fills it if it is omitted.
        comment: The comment of its definition line.
        origin: Its origin; None for computed and native secondary attributes.
    """

    name: str
    type: AttributeType
    primary_key: bool = False
    nullable: bool = False
    default: Default | None = None
    auto_increment: bool = False
    comment: str = ""
    origin: Origin | None = None


@dataclass(frozen=True)
class Heading:
    """Ordered attributes, the primary key first.

    Args:
        attributes: In order. Names differ. Empty only for `U()`.
    """

    attributes: tuple[Attribute, ...]

    def __hash__(self) -> int:
        """Return the hash of the attributes, which is taken once: headings are keys of caches."""
        return self._hash

    def __iter__(self) -> Iterator[Attribute]:
        """Iterate over the attributes in order."""
        return iter(self.attributes)

    def __contains__(self, name: str) -> bool:
        """Return whether there is an attribute of this name."""
        return name in self._by_name

    def __getitem__(self, name: str) -> Attribute:
        """Return the attribute of this name.

        Raises:
            UnknownAttribute: There is none.
        """
        try:
            return self._by_name[name]
        except KeyError:
            raise UnknownAttribute(
                f"There is no attribute `{name}`; {meant(name, self.names)}.", attribute=name
            ) from None

    @cached_property
    def _hash(self) -> int:
        return hash(self.attributes)

    @cached_property
    def _by_name(self) -> dict[str, Attribute]:
        return {attribute.name: attribute for attribute in self.attributes}

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of all attributes, in order."""
        return tuple(self._by_name)

    @cached_property
    def primary_key(self) -> tuple[str, ...]:
        """Names of the attributes of the primary key, in order."""
        return tuple(attribute.name for attribute in self.attributes if attribute.primary_key)

    @cached_property
    def secondary(self) -> tuple[str, ...]:
        """Names of the other attributes, in order."""
        return tuple(attribute.name for attribute in self.attributes if not attribute.primary_key)

    def determines(self, other: Heading) -> bool:
        """Return whether every key attribute of `other` is an attribute here (A → B)."""
        return all(name in self for name in other.primary_key)


def ordered(attributes: Iterable[Attribute], primary_key: Iterable[str]) -> Heading:
    """Build a heading whose primary key is `primary_key`, in that order; the rest follows in its own order."""
    by_name = {attribute.name: attribute for attribute in attributes}
    members = [_as_key(by_name.pop(name), primary_key=True) for name in primary_key]
    members += [_as_key(attribute, primary_key=False) for attribute in by_name.values()]
    return Heading(tuple(members))


def _as_key(attribute: Attribute, *, primary_key: bool) -> Attribute:
    return attribute if attribute.primary_key is primary_key else replace(attribute, primary_key=primary_key)


def first_repeated(names: Iterable[str]) -> str | None:
    """Return the first repeated name; None if all differ."""
    known: set[str] = set()
    for name in names:
        if name in known:
            return name
        known.add(name)
    return None

"""The readers of both databases, as an import sees them."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from levada._base.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from levada._from_datajoint.addresses import Address
    from levada._from_datajoint.facts import Database, ForeignKey, Place


@dataclass(frozen=True, slots=True)
class Selected:
    """A column to read.

    Args:
        hashes: The table of hashes that the column refers to, such as `~external_raw`; empty for all others.
        exact: A float of four bytes, which MySQL shows with six digits, comes with all of them.
        as_text: It comes as text.
        impossible: The type here, if values that it does not have come as NULL; else empty.
        shape: It is a shape, and comes as well-known text.
    """

    name: str
    hashes: str = ""
    exact: bool = False
    as_text: bool = False
    impossible: str = ""
    shape: bool = False


@dataclass(frozen=True, slots=True)
class External:
    """The value of a column in a store of 0.14, with its row in the table of hashes.

    Args:
        hash: 16 bytes.
        path: The path of a filepath within its store; else empty.
        attachment: The name of an attached file; else empty.
        size: In bytes.
    """

    hash: bytes
    path: str
    attachment: str
    size: int | None


class Source(Protocol):
    """A database that is read, in one transaction."""

    dialect: str

    def facts(self, schemas: Sequence[str]) -> Database:
        """Read what the catalog knows of some schemas; without names, of all."""
        ...

    def show_moments_in_utc(self) -> None:
        """Read `timestamp` as the moment in UTC instead of the session's zone."""
        ...

    def respellings(self, place: Place, key: ForeignKey) -> dict[tuple[Any, ...], tuple[Any, ...]]:
        """Return the parent's values for the values of children that spell them otherwise."""
        ...

    def rows(self, place: Place, columns: Sequence[Selected]) -> Iterator[tuple[Any, ...]]:
        """Read all rows of a table; an `External` for values in stores of 0.14."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


@contextmanager
def reading(address: Address, fault: type[Exception]) -> Iterator[None]:
    """Turn the errors of a driver into ours.

    Args:
        fault: The base of the driver's errors, whose last argument is their text.

    Raises:
        Unavailable: The database cannot be reached, refuses the user, or fails.
    """
    try:
        yield
    except fault as error:
        raise Unavailable(f"{address} cannot be read: {str(error.args[-1] if error.args else error).strip()}") from None

"""Whether the results of a table are still true."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada._base.names import stored_name
from levada._jobs.code_version import code_version, look_again
from levada._jobs.computing import Computing, has_make
from levada._query import nodes
from levada._query.relation import Relation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from levada._net.connection import Connection
    from levada_api.v1 import schema_pb2

FEW_RESULTS = 10_000
"""Up to this many results of a table, the stale ones are counted unasked: their inputs may have to be read again."""

_Code = tuple["schema_pb2.TableName", str]


class Staleness(Relation):
    """Verdicts on results: their key, a `state` and a `reason`; restrict, join and fetch it as any relation."""

    def __init__(
        self, connection: Connection, name: schema_pb2.TableName, codes: list[_Code], *, known_only: bool = False
    ) -> None:
        key = {a.name for a in connection.describe_table(name).heading.attributes.values() if a.in_key}
        # A key attribute keeps its name; one of the verdict with the same is then called staleness_….
        self._state = "staleness_state" if "state" in key else "state"
        super().__init__(connection, nodes.staleness(name, codes, known_only=known_only))

    @property
    def stale(self) -> Staleness:
        """The results that other code or other inputs would compute differently."""
        return self.in_state("stale")

    def in_state(self, state: str) -> Staleness:
        """Return the results that are `stale`, `fresh` or `unknown`."""
        return self & {self._state: state}


def known_stale_count(connection: Connection, name: schema_pb2.TableName) -> int:
    """Count the stale results of a table by what the server knows already; no input is compared again."""
    return len(Staleness(connection, name, [], known_only=True).stale)


def verdicts(table: Computing) -> Staleness:
    """Return the verdicts on the results of a table, whose class here says which code would run now."""
    look_again()
    own = code_version(type(table)).digest if has_make(type(table)) else ""
    return _verdicts(table.connection, table._name, own)


def verdicts_on(connection: Connection, name: schema_pb2.TableName) -> Staleness:
    """Return the verdicts on the results of a table, by the code of this process.

    The classes that are loaded count, of the table and of tables upstream. The server compares results of other tables
    with the code of their latest result.
    """
    look_again()
    return _verdicts(connection, name, "")


def _verdicts(connection: Connection, name: schema_pb2.TableName, own: str) -> Staleness:
    """Return the verdicts; the table's own code has a digest, or if that is empty, is the class that is loaded."""
    wanted = {(table.schema, stored_name(table.table)): table for table in connection.upstream_names(name)}
    codes: dict[tuple[str, str], str] = {}
    for kind in _computing(Computing):
        home = kind._schema
        if home is None or not home.is_activated() or home.connection is not connection or not has_make(kind):
            continue
        place = (home.database, stored_name(kind._class_name))
        if place in wanted and (digest := code_version(kind).digest):
            codes[place] = digest
    if own:
        codes[name.schema, stored_name(name.table)] = own
    known = [(wanted.get(place, name), digest) for place, digest in sorted(codes.items())]
    return Staleness(connection, name, known)


def _computing(kind: type[Computing]) -> Iterator[type[Computing]]:
    """Yield the classes below a class, earlier ones first: the last one for a table is the one that counts."""
    for below in kind.__subclasses__():
        yield below
        yield from _computing(below)

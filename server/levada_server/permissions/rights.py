"""The rights of a user: what follows from the grants to the user and to the user's teams."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from levada_server.permissions.roles import ACTIONS, EVERY_ACTION, Action, Role

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

_NOTHING: frozenset[Action] = frozenset()


@dataclass(frozen=True, slots=True)
class Grant:
    """A role on a schema, or on one of its tables with its parts.

    Args:
        role: The role.
        schema: The schema's name.
        table_id: The table; None for all tables of the schema, those to come included.
    """

    role: Role
    schema: str
    table_id: int | None = None


@dataclass(frozen=True, slots=True)
class Rights:
    """The rights of one caller; deny by default.

    Args:
        everywhere: The actions that are allowed on everything: all for an administrator, none for others.
        prefixes: The caller may create schemas whose names begin with one of these.
        schemas: The actions that are allowed on a whole schema.
        tables: The actions that are allowed on a table, beside those on its schema.
        named: The schemas with a table in `tables`.
        scope: The rights to which the caller's token is limited; None for no limit.
    """

    everywhere: frozenset[Action] = _NOTHING
    prefixes: tuple[str, ...] = ()
    schemas: Mapping[str, frozenset[Action]] = field(default_factory=dict)
    tables: Mapping[int, frozenset[Action]] = field(default_factory=dict)
    named: frozenset[str] = frozenset()
    scope: Rights | None = None

    @property
    def administers(self) -> bool:
        """Return whether the caller may do everything."""
        return self.everywhere is EVERY_ACTION and self.scope is None

    def on_table(self, schema: str, ids: Collection[int]) -> frozenset[Action]:
        """Return the actions that are allowed on a table.

        Args:
            schema: The table's schema.
            ids: The table, and its master if it is a part.
        """
        allowed = self.everywhere | self.schemas.get(schema, _NOTHING)
        if self.tables:
            allowed = allowed.union(*(self.tables.get(id_, _NOTHING) for id_ in ids))
        return allowed if self.scope is None else allowed & self.scope.on_table(schema, ids)

    def on_schema(self, schema: str) -> frozenset[Action]:
        """Return the actions that are allowed on a schema and all its tables."""
        return self.on_table(schema, ())

    def sees_schema(self, schema: str) -> bool:
        """Return whether the caller may see that a schema exists."""
        sees = bool(self.everywhere) or schema in self.schemas or schema in self.named
        return sees and (self.scope is None or self.scope.sees_schema(schema))

    def may_create(self, schema: str) -> bool:
        """Return whether the caller may create a schema of a name; a token with a scope may not."""
        return self.administers or (self.scope is None and schema.startswith(self.prefixes))


EVERY_RIGHT = Rights(everywhere=EVERY_ACTION)


def rights_of(grants: Iterable[Grant], prefixes: Iterable[str] = ()) -> Rights:
    """Return the rights that follow from some grants.

    Args:
        grants: The grants to a user and to the user's teams, or those of a token's scope.
        prefixes: The caller may create schemas whose names begin with one of these; the empty one allows all names.
    """
    schemas: defaultdict[str, frozenset[Action]] = defaultdict(frozenset)
    tables: defaultdict[int, frozenset[Action]] = defaultdict(frozenset)
    named = set()
    for grant in grants:
        if grant.table_id is None:
            schemas[grant.schema] |= ACTIONS[grant.role]
        else:
            tables[grant.table_id] |= ACTIONS[grant.role]
            named.add(grant.schema)
    return Rights(prefixes=tuple(prefixes), schemas=dict(schemas), tables=dict(tables), named=frozenset(named))

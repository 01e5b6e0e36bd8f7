"""The one gate to tables and queries: operations get both only here, and name the caller and the action."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from weakref import ref

from levada_server.errors import (
    InvalidRequest,
    LevadaError,
    NotFound,
    PermissionDenied,
    PreconditionFailed,
    Unauthenticated,
    UnknownTable,
)
from levada_server.model.audit import AUDIT, SCHEMA
from levada_server.model.dependencies import Catalog, is_within
from levada_server.model.table import UNKNOWN_SOURCE
from levada_server.operations.access.compiling import compiled
from levada_server.operations.access.plans import Plans
from levada_server.operations.access.reading import Readable
from levada_server.operations.access.writing import Writable
from levada_server.operations.audit import entry
from levada_server.operations.caller import Caller
from levada_server.permissions.permissions import Identity
from levada_server.permissions.roles import Action, roles_for
from levada_server.query.algebra import TableOperand
from levada_server.query.analysis.reads import reads_rows_alone, tables_in
from levada_server.query.compile import compile_relation
from levada_server.query.key_source import default_key_source
from levada_server.query.ownership import Insight
from levada_server.storage.catalog.stored_catalog import lock_catalog
from levada_server.storage.rows.hidden_parents import HiddenParents
from levada_server.storage.rows.ownership import Guard

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Sequence
    from uuid import UUID

    from levada_server.model.audit import Entry
    from levada_server.model.table import Table, TableName
    from levada_server.operations.access.plans import Asked
    from levada_server.permissions.rights import Rights
    from levada_server.query.algebra import Relation
    from levada_server.storage.catalog.cache import CatalogCache
    from levada_server.storage.objects.object_rows import Holders
    from levada_server.storage.permissions.cache import PermissionsCache
    from levada_server.storage.postgres.database import Connection

_ALL_ROWS = Action.GRANT
"""Who may do this on a table that names teams may reach the rows of all of them."""
_WRITES = frozenset({Action.INSERT, Action.INSERT_DIRECTLY, Action.UPDATE})
MAX_SEEN = 100
"""The most narrowed catalogs of one process, one for each token whose user may not see all tables."""


@dataclass(frozen=True, slots=True)
class View:
    """The catalog as one call works with it; each table is checked for the call's caller and an action.

    Args:
        caller: The caller.
        catalog: The whole catalog: for integrity, cascades and lineage, which see every table. A caller learns only of
            tables that the methods return.
        rights: The caller's rights.
    """

    caller: Caller
    catalog: Catalog
    rights: Rights
    _gate: Gate

    @property
    def version(self) -> int:
        """Return the version of the catalog."""
        return self.catalog.version

    @property
    def seen(self) -> Catalog:
        """Return the catalog as the caller may see it: no error that it raises tells of a table that is hidden."""
        return self._gate.seen(self.caller.identity, self.rights, self.catalog)

    def table(self, action: Action, name: TableName) -> Table:
        """Return a table.

        Raises:
            UnknownTable: No table has this name, or the caller may not see it; the answers are the same.
            PermissionDenied: The caller may see it, but may not do this.
        """
        table = self._visible(name)
        self.admit(action, table)
        return table

    def _visible(self, name: TableName) -> Table:
        """Return a table that the caller may see, or note for the audit that it is hidden."""
        try:
            return self.seen.table(name)
        except NotFound:
            if name in self.catalog.tables or self.catalog.stored_as(name.schema, name.table) is not None:
                self.caller.traces.hidden = str(name)
            raise

    def admit(self, action: Action, table: Table) -> None:
        """Check that the caller may do an action on a table that the caller may see.

        Raises:
            PermissionDenied: The caller may not.
        """
        if not self.may(action, table):
            raise denied(self.caller, action, f"`{table.name}`", table=table.name)

    def may(self, action: Action, table: Table) -> bool:
        """Return whether the caller may do an action on a table; nobody changes a table of the server."""
        if table.name.schema == SCHEMA and action not in (Action.DESCRIBE, Action.FETCH):
            return False
        ids = self.catalog.ids_with_masters(table)
        job = self.caller.job
        if job is not None and job.table_id in ids and action in _WRITES:
            action = Action.COMPUTE  # what `make` writes is its result
        return action in self.rights.on_table(table.name.schema, ids)

    @property
    def insight(self) -> Insight | None:
        """Return whose rows the caller may reach; None if no row belongs to anybody, or all are within reach."""
        if self.rights.administers or not self.catalog.owned:
            return None
        overseen = frozenset(table.id for table in self.catalog.owned if self.may(_ALL_ROWS, table))
        if len(overseen) == len(self.catalog.owned):
            return None
        return Insight(self._gate.permissions.current.teams_of(self.caller.identity), overseen)

    def hides_rows(self, table: Table) -> bool:
        """Return whether the caller may not read all rows of a table."""
        insight = self.insight
        return insight is not None and insight.hides(table, self.catalog)

    def admit_statistics(self, readable: Readable) -> None:
        """Check that the caller may learn how many rows the tables of a query have.

        Raises:
            PermissionDenied: The caller may not.
        """
        for name in sorted(readable.query.tables, key=str):
            if self.hides_rows(self.catalog.tables[name]):
                raise PermissionDenied(
                    f"A plan tells how many rows `{name}` has, and you may read only those of your teams.", table=name
                )

    def guard(self, table: Table, *, wholly: bool = False, of_job: bool = False) -> Guard | None:
        """Return the guard of the rows that the caller may not change; None if there are none.

        A job computes its result whoever owns the key, unless it is hidden, and the result belongs to that team.

        Args:
            table: The table.
            wholly: Whether the change concerns all rows of the table, and not just what a job computes.
            of_job: Whether the rows are those of a job of the table, also if the caller is not under its lease.
        """
        insight, job = self.insight, self.caller.job
        if insight is None:
            return None
        found = insight.bounds(table, self.catalog)
        if not found:
            return None
        leased = job is not None and job.table_id in self.catalog.ids_with_masters(table)
        # A `make` could try any hidden key. If the table names the teams itself, `_hidden_parents` looks at the keys.
        tells = found[0].ownership.hidden and found[0].table.id != table.id
        if not tells and not wholly and (of_job or leased):
            return None
        return Guard(found[0], insight.teams, frozenset(self._gate.permissions.current.teams.values()), found[1:])

    def guards(self, names: Iterable[TableName]) -> dict[TableName, Guard]:
        """Return the guards of some tables, as far as there are any."""
        found = ((name, self.guard(self.catalog.tables[name])) for name in names)
        return {name: guard for name, guard in found if guard is not None}

    def admit_to_schema(self, action: Action, name: str) -> None:
        """Check that the caller may do an action on a schema and all its tables.

        Raises:
            UnknownSchema: There is no such schema, or the caller may not see it.
            PermissionDenied: The caller may not.
        """
        if name in self.catalog.schemas and name not in self.seen.schemas:
            self.caller.traces.hidden = name
        self.seen.check_schema(name)
        if action not in self.rights.on_schema(name):
            raise denied(self.caller, action, f"the schema `{name}`", schema=name)

    def admit_cascade(
        self,
        action: Action,
        reached: Iterable[tuple[TableName, int | None]],
        others: Iterable[tuple[TableName, str | None, int]] = (),
    ) -> None:
        """Check that the caller may do an action on all tables that a cascade reaches.

        Args:
            action: The action.
            reached: The tables, each with the number of its rows that the cascade takes; None if it takes all.
            others: The rows among these that do not belong to the caller's teams: their table, team and number.

        Raises:
            PermissionDenied: The caller may not. The error names tables that the caller may see; of others it says only
                that there are some.
        """
        if self.rights.administers:
            return
        tables = [(self.catalog.tables[name], count) for name, count in reached]
        refused = [(table, count) for table, count in tables if not self.may(action, table)]
        foreign = [(self.catalog.tables[name], team, count) for name, team, count in others]
        if not refused and not foreign:
            return
        seen = sorted(self._reached(table, count) for table, count in refused if table.name in self.seen.tables)
        shown = sorted(
            f"{count} {'row' if count == 1 else 'rows'} of `{table.name}` of {f'the team {team}' if team else 'nobody'}"
            for table, team, count in foreign
            if self.may(Action.FETCH, table) and not self.hides_rows(table)
        )
        hidden = len(seen) + len(shown) < len(refused) + len(foreign)
        raise _refused_cascade(self.caller, action, [*seen, *shown], hidden=hidden)

    def _reached(self, table: Table, count: int | None) -> str:
        if count is None or not self.may(Action.FETCH, table):
            return f"`{table.name}`"
        return f"`{table.name}` ({count} {'row' if count == 1 else 'rows'})"

    def hides(self, error: LevadaError) -> bool:
        """Return whether an error tells that a table exists which the caller may not see."""
        if self.rights.administers or isinstance(error, UnknownTable):
            return False
        named = {error.details[kind] for kind in ("table", "child") if kind in error.details}
        return any(str(name) in named for name in self.catalog.tables if name not in self.seen.tables)

    def updatable(self, name: TableName) -> Writable:
        """Return a table whose rows the caller may change.

        Raises:
            UnknownTable: As by `table`.
            PermissionDenied: As by `table`.
        """
        return self._writable(self.table(Action.UPDATE, name))

    def insertable(self, name: TableName, *, replace: bool, computed: Table | None = None) -> Writable:
        """Return a table into which the caller may insert.

        Args:
            name: The table.
            replace: Whether rows that exist are replaced, which is an update.
            computed: The table whose jobs insert; None if no job inserts, or if the caller is under its lease.

        Raises:
            UnknownTable: As by `table`.
            PermissionDenied: As by `table`.
        """
        table = self._visible(name)
        if computed is not None and is_within(table.name, computed.name):
            self.admit(Action.COMPUTE, table)
            return self._writable(table, of_job=True)
        if replace:
            action = Action.UPDATE
        else:
            action = Action.INSERT_DIRECTLY if self.catalog.filled_by_jobs(table) else Action.INSERT
        self.admit(action, table)
        return self._writable(table)

    def _writable(self, table: Table, *, of_job: bool = False) -> Writable:
        guard = self.guard(table, of_job=of_job)
        return Writable(table if guard is None else guard.marking(table), guard, self._hidden_parents(table, guard))

    def _hidden_parents(self, table: Table, guard: Guard | None) -> HiddenParents | None:
        """Return the foreign keys to parents that may be hidden from the caller, but for what a guard looks at."""
        insight = self.insight
        if insight is None:
            return None
        guarded = guard is not None and not guard.names_teams(table)
        bounds = {
            position: insight.bounds(parent, self.catalog)
            for position, key in enumerate(table.foreign_keys)
            if not (guarded and key.primary_key)
            and insight.hides(parent := self.catalog.tables[key.parent], self.catalog)
        }
        owners = insight.bounds(table, self.catalog) if insight.hides(table, self.catalog) else ()
        return HiddenParents(bounds, insight.teams, owners) if bounds else None

    async def reads_object(self, connection: Connection, id_: UUID, holders: Holders) -> bool:
        """Return whether the caller may read an object, and name it in rows.

        That is whoever put it there, and whoever may fetch from a table whose rows name it; where rows of others are
        hidden, a row that names it.
        """
        found = (self.catalog.by_id.get(table_id) for table_id in holders.tables)
        tables = [table for table in found if table is not None and self.may(Action.FETCH, table)]
        if self.put_object(holders) or not all(map(self.hides_rows, tables)):
            return True
        for table in tables:
            if await (await self.query(Action.FETCH, TableOperand(table.name))).names_object(connection, id_):
                return True
        return False

    def put_object(self, holders: Holders) -> bool:
        """Return whether an object or upload is the caller's own.

        A token with a scope has only its own: it must not reach what its user may do elsewhere.
        """
        if self.rights.administers:
            return True
        identity = self.caller.identity
        tokens = holders.tokens.get(identity.user_id, ()) if identity.user_id is not None else ()
        return bool(tokens) and identity.confined_to in (None, *tokens)

    def entry(self, subject: object, row_count: int = 0, **details: object) -> Entry:
        """Make the entry of the audit for a change of rows; under a lease it names the job.

        Args:
            subject: The table.
            row_count: How many rows were changed.
            details: Anything else that JSON can hold; what is None is left out.
        """
        return entry(self.caller, subject, row_count, **{"jobs": self._job(), **details})

    def note_read(self, schema: str, subject: object) -> None:
        """Note for the audit that the caller reads a table or an object, if its schema is confidential."""
        if schema in self.catalog.confidential:
            self.caller.traces.confidential.add(str(subject))
            self.caller.traces.jobs = self._job()

    def _job(self) -> dict[str, list[int]] | None:
        """Return the job of the caller's lease by table; None without one."""
        job = self.caller.job
        if job is None:
            return None
        computed = self.catalog.by_id.get(job.table_id)
        return {str(job.table_id if computed is None else computed.name): [job.job_id]}

    async def query(self, action: Action, relation: Relation, *, strict: bool = False) -> Readable:
        """Compile a relation against the whole catalog, if the caller may read all its tables.

        Args:
            action: The purpose of the entities.
            relation: The relation to compile.
            strict: Refuse a mapping that restricts nothing; for deletes and updates.

        Raises:
            LevadaError: The relation breaks a rule of the algebra.
        """
        self._admit_all(action, tables_in(relation))
        hidden = _hidden_from([self], relation)
        return Readable(await compiled(relation, self.catalog, self.insight, strict=strict, hidden=hidden))

    @property
    def unreadable(self) -> frozenset[int]:
        """Return the ids of the tables not all of whose rows the caller may read."""
        if self.rights.administers:
            return frozenset()
        insight = self.insight
        return frozenset(
            table.id
            for table in self.catalog.tables.values()
            if not self.may(Action.FETCH, table) or (insight is not None and insight.hides(table, self.catalog))
        )

    async def asked(self, action: Action, asked: Asked) -> Readable:
        """Compile a relation that a client requests; relations that differ only in bound values share a plan.

        Raises:
            LevadaError: The relation breaks a rule of the algebra.
        """
        if asked.shape is None:
            return await self.query(action, await asked.relation())
        return Readable(
            await self._gate.plans.compiled(
                asked, self.catalog, self.insight, lambda names: self._admit_all(action, names)
            )
        )

    def _admit_all(self, action: Action, names: Iterable[TableName]) -> None:
        """Check all tables that a relation reads before it is compiled, so that no error tells of a hidden one."""
        if self.catalog.confidential and action is not Action.DESCRIBE:
            for name in names:
                self.note_read(name.schema, name)
        if self.rights.administers:
            return
        for name in names:
            self.table(action, name)

    def names_of(self, relation: Relation) -> frozenset[str]:
        """Return the names of a relation's attributes, without reading a row."""
        return frozenset(compile_relation(relation, self.catalog).heading.names)

    def key_source(self, table: Table) -> Relation:
        """Return the key source of a table: its class's own, or the join of its parents.

        Raises:
            InvalidRequest: The table has no parents, or its class could not evaluate its own key source yet.
        """
        if table.key_source is None:
            return default_key_source(table)
        if table.key_source == UNKNOWN_SOURCE:
            raise InvalidRequest(
                f"The key source of `{table.name}` is not known to the server: its class could not evaluate it when it "
                "was declared. Its populate evaluates it again.",
                table=table.name,
            )
        return self._gate.decode_relation(table.key_source)

    async def of_source(
        self, table: Table, made: Callable[[Relation, Table], Relation], *, shown: bool = False
    ) -> Readable:
        """Compile a relation made of a table's key source, which is read with the rights of its definer.

        Args:
            table: A table that the caller may compute or fetch from.
            made: Makes the relation of the source and the table.
            shown: Whether the caller learns of its rows, and so must be allowed to reach them; jobs are made for all
                that the definer may reach.

        Raises:
            InvalidRequest: As by `key_source`.
            PreconditionFailed: The definer may not read the source any more.
            LevadaError: The relation breaks a rule of the algebra.
        """
        source = self.key_source(table)
        self.check_source(table)
        try:
            return await self.read_source(table, made(source, table), shown=shown)
        except LevadaError as error:
            if self.read_by(self.rights, source):
                raise
            raise _broken_source(table) from error  # it would tell of what the caller may not read

    async def read_source(self, table: Table, relation: Relation, *, shown: bool = False) -> Readable:
        """Compile a relation made of a table's key source, if `reads_source` allows it.

        A source of the table's class has no row that its definer may not read; the join of the parents has all.

        Args:
            table: The table.
            relation: The relation.
            shown: As for `of_source`.

        Raises:
            LevadaError: The relation breaks a rule of the algebra.
        """
        definer = table.definer if table.key_source else None
        readers = [] if definer is None else [self._gate.view(Caller(Identity("", definer)), self.catalog)]
        readers += [self] if shown else []
        insight: Insight | None = None
        for reader in readers:
            own = reader.insight
            if own is not None:
                insight = replace(own, within=insight)
        hidden = _hidden_from(readers, relation)
        return Readable(await compiled(relation, self.catalog, insight, hidden=hidden))

    def reads_as_its_user(self, relation: Relation) -> bool:
        """Return whether the caller's token reads what the user would with every right: as many rows and changes."""
        if self.rights.scope is None:
            return True
        user = self._gate.view(Caller(Identity("", self.caller.identity.user_id)), self.catalog)
        tables = [self.catalog.table(name) for name in tables_in(relation)]
        return _hidden_from([self], relation) == _hidden_from([user], relation) and all(
            user.hides_rows(table) or not self.hides_rows(table) for table in tables
        )

    def check_source(self, table: Table) -> None:
        """Check that the definer of a table's key source may still read it.

        Raises:
            PreconditionFailed: The definer may not.
        """
        if not self.reads_source(table):
            raise _broken_source(table)

    def reads_source(self, table: Table) -> bool:
        """Return whether the definer of a table's key source may read it; without one of its own, there is none."""
        return not table.key_source or table.definer is None or self._gate.reads_source(table, self)

    def read_by(self, rights: Rights, relation: Relation) -> bool:
        """Return whether some rights allow to fetch from all tables of a relation; not if one does not exist."""
        catalog = self.catalog
        tables = (catalog.tables.get(n) or catalog.stored_as(n.schema, n.table) for n in tables_in(relation))
        return all(
            table is not None and Action.FETCH in rights.on_table(table.name.schema, catalog.ids_with_masters(table))
            for table in tables
        )


class Gate:
    """Opens views of the catalog.

    Args:
        cache: The catalog of this process.
        permissions: The users, tokens and grants.
        decode_relation: Decodes a relation that was stored as a client sent it.
    """

    def __init__(
        self, cache: CatalogCache, permissions: PermissionsCache, decode_relation: Callable[[bytes], Relation]
    ) -> None:
        self._cache = cache
        # Grants name schemas: one of a schema that was dropped or renamed must not hold for another one of its name.
        cache.precede(permissions.catch_up)
        permissions.accompany(cache.read_along)
        self.permissions = permissions
        self.decode_relation = decode_relation
        self.plans = Plans()
        # Weak: a catalog of before must not stay because somebody who is away has seen it.
        self._seen: OrderedDict[tuple[int | None, UUID | None], tuple[Rights, ref[Catalog], Catalog]] = OrderedDict()
        self._sources: dict[int, tuple[Rights, ref[Catalog], bool]] = {}

    async def open(self, caller: Caller) -> View:
        """Return a view of a catalog at least as new as the one that the caller has seen.

        Raises:
            Unauthenticated: The caller's user was disabled, or the token revoked.
        """
        return self.view(caller, await self._cache.current(caller.catalog_version))

    async def lock(self, connection: Connection, caller: Caller, known: View | None = None) -> View:
        """Lock the catalog against other changes within a transaction, and return a view of it then.

        Args:
            connection: The connection of the transaction.
            caller: The caller.
            known: A view opened before; if nobody has changed the catalog since, it is not read again.
        """
        catalog = await lock_catalog(connection, None if known is None else known.catalog)
        if known is None or catalog.version != known.catalog.version + 1:
            await self.permissions.catch_up()
        return self.view(caller, catalog)

    def view(self, caller: Caller, catalog: Catalog) -> View:
        """Return a view of a catalog that a transaction has changed but not committed."""
        return View(caller, catalog, self.rights(caller), self)

    @asynccontextmanager
    async def concealing(self, caller: Caller, action: Action) -> AsyncIterator[None]:
        """Replace an error of the block that names a table which the caller may not see.

        Such errors come from below, where a cascade stops at rows of any table.
        """
        try:
            yield
        except LevadaError as error:
            if (await self.open(caller)).hides(error):
                raise _refused_cascade(caller, action, (), hidden=True) from None
            raise

    def rights(self, caller: Caller) -> Rights:
        """Return the rights of a caller now.

        Raises:
            Unauthenticated: The caller's user was disabled, or the token revoked.
        """
        return self.permissions.current.rights(caller.identity)

    def seen(self, identity: Identity, rights: Rights, catalog: Catalog) -> Catalog:
        """Return a catalog without the tables and schemas that a caller may not see."""
        if Action.DESCRIBE in rights.everywhere and rights.scope is None:
            return catalog
        # Not by the address, which is another for each connection.
        key = identity.user_id, identity.token_id
        found = self._seen.get(key)
        if found is not None and found[0] is rights and found[1]() is catalog:
            self._seen.move_to_end(key)
            return found[2]
        schemas = frozenset(filter(rights.sees_schema, catalog.schemas))
        tables = {}
        for name, table in catalog.tables.items():
            ids = catalog.ids_with_masters(table)
            if name.schema in schemas and Action.DESCRIBE in rights.on_table(name.schema, ids):
                tables[name] = table
        narrowed = Catalog(catalog.version, schemas, tables, catalog.confidential)
        self._seen[key] = rights, ref(catalog), narrowed
        if len(self._seen) > MAX_SEEN:
            self._seen.popitem(last=False)
        return narrowed

    def reads_source(self, table: Table, view: View) -> bool:
        """Return whether the definer of a table's own key source may read it; every reserve asks."""
        assert table.key_source, "a default source needs no rights"
        try:
            rights = self.permissions.current.rights(Identity("", table.definer))
        except Unauthenticated:  # disabled
            return False
        found = self._sources.get(table.id)
        if found is None or found[0] is not rights or found[1]() is not view.catalog:
            reads = view.read_by(rights, self.decode_relation(table.key_source))
            found = self._sources[table.id] = rights, ref(view.catalog), reads
        return found[2]

    async def replace(self, catalog: Catalog) -> None:
        """Use a catalog that was just committed, unless this process has a newer one."""
        await self._cache.replace(catalog)

    async def replace_altered(self, catalog: Catalog) -> None:
        """Use a catalog whose tables were altered, and drop the statement plans made for them."""
        await self._cache.replace_altered(catalog)

    async def version(self) -> int:
        """Return the version of this process's catalog."""
        return (await self._cache.current()).version

    async def known(self) -> Catalog:
        """Return this process's catalog, for a later `catch_up` to compare with."""
        return await self._cache.current()

    async def catch_up(self, known: Catalog) -> bool:
        """Read the catalog and the permissions again where another process has changed them; return whether it had."""
        withdrawn = await self.permissions.look_again()
        return await self._cache.catch_up(known) or withdrawn

    def admit_creator(self, caller: Caller, name: str) -> None:
        """Check that a caller may create a schema of a name.

        Raises:
            PermissionDenied: The caller may not.
        """
        if not self.rights(caller).may_create(name):
            raise PermissionDenied(
                f"{caller.identity.user} may not create a schema `{name}`. Ask an administrator for the right to "
                "create schemas, and for the beginnings of names that go with it.",
                schema=name,
            )

    def admit_administrator(self, caller: Caller, what: str) -> None:
        """Check that a caller is an administrator.

        Args:
            caller: The caller.
            what: The action, such as `list users`.

        Raises:
            PermissionDenied: The caller is not.
        """
        if not self.rights(caller).administers:
            raise PermissionDenied(f"Only an administrator may {what}; you are {caller.identity.user}.")


def _hidden_from(readers: Iterable[View], relation: Relation) -> frozenset[int]:
    """Return the ids of the tables whose changes a relation may not reveal to some readers."""
    if reads_rows_alone(relation):
        return frozenset()
    return frozenset[int]().union(*(reader.unreadable for reader in readers))


def _broken_source(table: Table) -> PreconditionFailed:
    """Return the error of a key source that cannot be used, for callers who may not learn what it reads."""
    return PreconditionFailed(
        f"The key source of `{table.name}` reads what is not there, or what the user who declared it may not read any "
        "more, so its jobs wait. Let an editor who may read all of it declare the class again.",
        table=table.name,
    )


def _refused_cascade(caller: Caller, action: Action, seen: Sequence[str], *, hidden: bool) -> PermissionDenied:
    """Return the error of a cascade that reaches what the caller may see, or may not see, but not change."""
    reasons = [f"it reaches {', '.join(seen)}"] if seen else []
    if hidden:
        reasons.append("rows elsewhere depend on these, in tables that you may not see")
    return PermissionDenied(
        f"{caller.identity.user} may not {action.value} all that this takes along: {', and '.join(reasons)}. Ask an "
        "owner of those tables."
    )


def denied(caller: Caller, action: Action, where: str, **details: object) -> PermissionDenied:
    """Return the error of a caller who may see a thing, but may not do an action on it."""
    if details.get("table") == AUDIT.name:
        return PermissionDenied(f"{where} is written by the server alone; nobody may {action.value} it.", **details)
    roles = [role.value for role in roles_for(action)]
    needed = " or ".join([", ".join(roles[:-1]), roles[-1]] if len(roles) > 1 else roles)
    return PermissionDenied(
        f"{caller.identity.user} may not {action.value} {where}; that takes the role {needed}. Ask an owner or an "
        "administrator to grant it.",
        action=action.value,
        **details,
    )

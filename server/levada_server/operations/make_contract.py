"""Check the contract of `make`: it reads tables that its table depends on, and writes its own table and parts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from levada_server.errors import LeaseLost, MakeContract
from levada_server.jobs.signing import Input, Receipt, TableRead, merged, spelled
from levada_server.model.audit import SCHEMA as SERVER_SCHEMA
from levada_server.model.table import Contract
from levada_server.model.values import show_key
from levada_server.permissions.roles import Action
from levada_server.query.algebra import Parameter
from levada_server.query.analysis.reads import bound_names, reads_rows_alone, tables_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from levada_server.jobs.signing import LeaseContent, Signer
    from levada_server.model.dependencies import Catalog
    from levada_server.model.heading import Key
    from levada_server.model.table import Table, TableName
    from levada_server.operations.access.gate import View
    from levada_server.operations.caller import Caller
    from levada_server.operations.context import Engine
    from levada_server.query.algebra import Relation

UNTRACKED = "untracked"
"""A read whose changes nothing tells of: of jobs, or of a table of the server."""
_SHOWN = 12
"""The most names of tables in a message."""


@dataclass(frozen=True, slots=True)
class Repeatable:
    """A read that can be repeated: the relation as the client sent it, and two fields of `Input`."""

    relation: bytes
    kind: str
    names: tuple[str, ...] = ()


@dataclass(slots=True)
class Reading:
    """A running read of a job.

    Args:
        rows: The number of rows that it returned so far.
        input: The read as it can be repeated, without its digest; None if it reads what the job itself writes.
    """

    _signer: Signer
    _earlier: Receipt
    _tables: dict[str, bool]
    input: Input | None
    rows: int = 0

    def add(self, rows: int) -> None:
        """Count rows that it returned."""
        self.rows += rows

    def take_digest(self, digest: str) -> None:
        """Take the digest of the rows, or the answer."""
        if self.input is not None and self.input.kind != UNTRACKED:
            self.input = replace(self.input, digest=digest)

    def receipt(self) -> bytes:
        """Return the receipt of all reads of the job, this one included."""
        reads = {name: TableRead(self.rows, restricted) for name, restricted in self._tables.items()}
        inputs = self._earlier.inputs if self.input is None else (*self._earlier.inputs, self.input)
        return self._signer.receipt(Receipt(self._earlier.token, merged((self._earlier.reads, reads)), inputs))


@dataclass(frozen=True, slots=True)
class JobRead:
    """A read that the jobs of a table may make, each with its own values; `job_read` checks it.

    Args:
        relation: The relation to read; its parameters are replaced by a job's values.
        input: The read as it can be repeated, but for its relation and digest; None if it reads what the job itself
            writes.
    """

    _signer: Signer
    _catalog: Catalog
    relation: Relation
    input: Input | None

    def begin(self, lease: LeaseContent, earlier: Receipt, relation: bytes, values: Sequence[object] = ()) -> Reading:
        """Begin the read for one job.

        Args:
            lease: The lease of the job.
            earlier: The receipt of the job's earlier reads.
            relation: The relation with the values of this job, as a client sends it.
            values: The values of its parameters.
        """

        def is_of_key(name: str, value: object) -> bool:
            return _is_of_key(lease, name, values[value.number] if isinstance(value, Parameter) else value)

        bound = {self._catalog.table(name): names for name, names in bound_names(self.relation, is_of_key).items()}
        read = {str(table.name): _is_restricted(table, names, lease) for table, names in bound.items()}
        return Reading(
            self._signer, earlier, read, None if self.input is None else replace(self.input, relation=relation)
        )

    @property
    def is_tracked(self) -> bool:
        """Return whether it reads rows of tables that only others change."""
        return self.input is not None and self.input.kind != UNTRACKED


def job_read(
    engine: Engine, view: View, table: Table, relation: Relation, kind: str, names: tuple[str, ...]
) -> JobRead:
    """Check that the jobs of a table may read a relation.

    Args:
        engine: The parts to work with.
        view: The view of the caller, whom the contract may warn.
        table: The table.
        relation: The relation to read.
        kind: As of `Input`.
        names: As of `Input`.

    Raises:
        UnknownTable: The caller may not see a table that is read.
        MakeContract: The schema enforces the contract, and the table does not depend on a table that is read.
    """
    tables = {view.table(Action.FETCH, name).name for name in tables_in(relation)}
    view.caller.told.extend(_judge_reads(view, table, tables))
    own = view.catalog.own_tables(table.name) & tables
    return JobRead(engine.signer, view.catalog, relation, None if own else read_input(view, relation, kind, names))


async def begin_read(
    engine: Engine, caller: Caller, relation: Relation, earlier: bytes, repeatable: Repeatable
) -> Reading:
    """Check that a job may read a relation, and begin the read.

    Args:
        engine: The parts to work with.
        caller: The caller, under the lease of the job.
        relation: The relation to read.
        repeatable: The read, as it can be repeated.
        earlier: The receipt of the job's earlier reads; empty if there were none.

    Raises:
        InvalidRequest: This server did not write the receipt.
        UnknownTable: The caller may not see a table that is read.
        MakeContract: The schema enforces the contract, and the table does not depend on a table that is read.
    """
    lease = caller.job
    assert lease is not None, "only jobs have a contract"
    before = engine.signer.read_receipt(earlier, lease.token) if earlier else Receipt(lease.token, {})
    view = await engine.gate.open(caller)
    table = leased_table(view.catalog, lease)
    read = job_read(engine, view, table, relation, repeatable.kind, repeatable.names)
    return read.begin(lease, before, repeatable.relation)


def read_input(view: View, relation: Relation, kind: str, names: tuple[str, ...]) -> Input:
    """Return a read as it can be repeated, but for its relation as the client sent it, and its digest."""
    tables = [(str(name), view.catalog.table(name)) for name in tables_in(relation)]
    tracked = reads_rows_alone(relation) and all(table.name.schema != SERVER_SCHEMA for _, table in tables)
    insight = view.insight if any(view.hides_rows(table) for _, table in tables) else None
    return Input(
        b"",
        kind if tracked else UNTRACKED,
        "",
        names,
        {name: table.id for name, table in tables},
        None if insight is None else (insight.teams, tuple(sorted(insight.overseen))),
    )


def leased_table(catalog: Catalog, lease: LeaseContent) -> Table:
    """Return the table of a lease.

    Raises:
        LeaseLost: The table was dropped.
    """
    table = catalog.by_id.get(lease.table_id)
    if table is None:
        raise LeaseLost("The table that this job computes was dropped; drop the result.", job=lease.job_id)
    return table


def _is_of_key(lease: LeaseContent, name: str, value: object) -> bool:
    if name in lease.key:
        return lease.key[name] == spelled(value)
    return spelled(value) in lease.key.values()  # a foreign key may have renamed it


def _is_restricted(table: Table, bound: frozenset[str], lease: LeaseContent) -> bool:
    key = frozenset(table.heading.primary_key)
    return bool(key & bound) and key & lease.key.keys() <= bound


def _judge_reads(view: View, table: Table, names: Iterable[TableName]) -> tuple[str, ...]:
    if table.contract is Contract.OFF:
        return ()
    cone = view.catalog.cone(table.name)
    outside = [name for name in names if name not in cone]
    if outside and table.source_key is not None:
        source = {view.catalog.table(name).name for name in tables_in(view.key_source(table))}
        outside = [name for name in outside if name not in source]
        cone |= source
    known = [name for name in cone if name in view.seen.tables]
    return tuple(_told(table, _of_read(table, name, known), name) for name in outside)


def _of_read(table: Table, name: TableName, cone: Iterable[TableName]) -> str:
    return (
        f"make of `{table.name}` reads `{name}`, which `{table.name}` does not depend on; it may read {_listed(cone)}. "
        f"Add the line `-> {name}` to its definition, or read `{name}` before populate."
    )


def judge_write(catalog: Catalog, table: Table, target: TableName) -> tuple[str, ...]:
    """Check that a job may write into a table; return the warnings for its caller.

    Raises:
        MakeContract: The schema enforces the contract, and the target is neither the job's own table nor a part of it.
    """
    own = catalog.own_tables(table.name)
    if target in own or table.contract is Contract.OFF:
        return ()
    message = (
        f"make of `{table.name}` writes into `{target}`, which is neither its own table nor a part of it; it may write "
        f"into {_listed(own)}. Write into `{target}` before populate, or make it a part of `{table.name}`."
    )
    return (_told(table, message, target),)


def judge_key(table: Table, stray: str | None) -> tuple[str, ...]:
    """Check whether a job inserts a row for another key than its own; return the warnings for its caller.

    Raises:
        MakeContract: The schema enforces the contract, and there is such a row.
    """
    if stray is None or table.contract is Contract.OFF:
        return ()
    message = (
        f"make of `{table.name}` inserts rows of another key than its own, {stray}: they are the work of another job. "
        "Insert for the key that make is given."
    )
    return (_told(table, message, table.name),)


def judge_absent(catalog: Catalog, table: Table, key: Key, written: Mapping[str, int]) -> str:
    """Return the notice about a job that inserted nothing into its table and the parts of it: its input is not ready.

    Args:
        catalog: The catalog.
        table: The table of the job.
        key: The key of the job, which the table lacks.
        written: The number of rows that the job wrote, by table.

    Raises:
        MakeContract: It inserted other rows there, or the schema enforces the contract.
    """
    if table.contract is Contract.ON or any(written.get(str(name)) for name in catalog.own_tables(table.name)):
        raise MakeContract(
            f"make of `{table.name}` did not insert its key, {show_key(key)}; end it with "
            "self.insert1({**key, ...}).",
            table=table.name,
        )
    return (
        f"make of `{table.name}` inserted nothing for some keys, so these are not ready: their jobs wait, longer each "
        "time, and the next populate tries them at once."
    )


def _told(table: Table, message: str, about: TableName) -> str:
    if table.contract is Contract.ON:
        raise MakeContract(message, table=about)
    return message


def _listed(names: Iterable[TableName]) -> str:
    spelled_names = sorted(f"`{name}`" for name in names)
    more = len(spelled_names) - _SHOWN
    return ", ".join(spelled_names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")

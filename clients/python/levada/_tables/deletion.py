"""Deleting entities and dropping tables: the plan, the confirmation, the execution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

from levada._base.display import Cell, Column, Table, html_line
from levada._base.errors import HasChildren, InvalidRequest
from levada._base.names import class_path, full_name
from levada._base.prompt import asks, confirm
from levada_api.v1 import row_service_pb2 as pb
from levada_api.v1 import schema_service_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from levada._net.connection import Connection
    from levada_api.v1 import relation_pb2, schema_pb2

_PART_INTEGRITY = {
    "enforce": pb.PART_INTEGRITY_ENFORCE,
    "ignore": pb.PART_INTEGRITY_IGNORE,
    "cascade": pb.PART_INTEGRITY_CASCADE,
}


@dataclass(frozen=True)
class Deletion:
    """The entities to delete: those of a restricted table, and everything that depends on them.

    Args:
        table: The table's full name.
        part_integrity: How to treat a part whose master stays.
    """

    connection: Connection
    table: str
    relation: relation_pb2.Relation
    part_integrity: str = "enforce"

    def plan(self) -> DeletePlan:
        """Ask the server which rows would go."""
        request = pb.PlanDeleteRequest(relation=self.relation, part_integrity=self._integrity())
        response = self.connection.call("RowService/PlanDelete", request, pb.PlanDeleteResponse)
        return DeletePlan(self, tuple(response.tables), response.digest)

    def run(self, digest: str = "", *, quick: bool = False) -> int:
        """Delete, and return how many of the table's own entities were deleted.

        Args:
            digest: The digest of the confirmed plan; empty: delete whatever there is.
            quick: Do not touch other tables.
        """
        request = pb.DeleteRowsRequest(
            relation=self.relation,
            part_integrity=self._integrity(),
            digest=digest,
            quick=quick,
            request_id=uuid4().hex,
        )
        response = self.connection.call("RowService/DeleteRows", request, pb.DeleteRowsResponse)
        return counts(response.tables).get(self.table, 0)

    def erase(self, digest: str) -> pb.EraseRowsResponse:
        """Delete for good, with jobs and objects; return what went.

        Args:
            digest: The digest of the confirmed plan.
        """
        request = pb.EraseRowsRequest(
            relation=self.relation, part_integrity=self._integrity(), digest=digest, request_id=uuid4().hex
        )
        return self.connection.call("RowService/EraseRows", request, pb.EraseRowsResponse)

    def run_if_confirmed(self, prompt: bool | None) -> int:
        """Delete after asking; return how many of the table's own entities were deleted."""
        if not asks(prompt):
            return self.run()
        plan = self.plan()
        if plan and confirm(str(plan).splitlines(), "Commit deletes?", True):
            return plan.confirm()
        return 0

    def _integrity(self) -> pb.PartIntegrity:
        try:
            return _PART_INTEGRITY[self.part_integrity]
        except KeyError:
            raise InvalidRequest(
                f"part_integrity must be one of {', '.join(_PART_INTEGRITY)}, not {self.part_integrity!r}."
            ) from None


@dataclass(frozen=True)
class DeletePlan:
    """The rows that a delete would take from every table; it is true if there are any.

    Attributes:
        tables: The tables that lose rows and how many, leaves first.
        digest: Identifies exactly these rows.
    """

    _deletion: Deletion
    tables: tuple[schema_pb2.TableCount, ...]
    digest: str

    @property
    def counts(self) -> dict[str, int]:
        """The number of rows that each table loses, by its full name, leaves first."""
        return counts(self.tables)

    def __bool__(self) -> bool:
        return any(self.counts.values())

    def __str__(self) -> str:
        if not self:
            return "Nothing to delete."
        return "\n".join(["About to delete:", *(f"{count:>9} from {name}" for name, count in self._rows())])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        if not self:
            return html_line(str(self))
        rows = [[Cell(name), Cell(str(count))] for name, count in self._rows()]
        about = ["about to delete; .confirm() deletes exactly these rows"]
        return Table([Column("table"), Column("rows", right=True)], rows, about=about).html()

    def _rows(self) -> list[tuple[str, int]]:
        return [(class_path(table.name), table.entity_count) for table in self.tables]

    def confirm(self) -> int:
        """Delete exactly these rows; return how many of the table's own were deleted.

        Raises:
            PlanChanged: The rows have changed.
        """
        return self._deletion.run(self.digest)


def drop_table(
    connection: Connection, name: schema_pb2.TableName, prompt: bool | None, part_integrity: str = "enforce"
) -> None:
    """Drop a table and everything that depends on it, after asking.

    Args:
        connection: The connection.
        name: The table.
        prompt: Whether to ask; None: as the setting `safemode` says.
        part_integrity: Whether to `enforce` that a part goes with its master, or to `ignore` that.
    """
    if part_integrity not in ("enforce", "ignore"):
        raise InvalidRequest(f"part_integrity of a drop must be 'enforce' or 'ignore', not {part_integrity!r}.")
    ignoring = part_integrity == "ignore"
    if not asks(prompt):
        drop_planned(connection, name, "", ignore_masters=ignoring)
        return
    plan = plan_drop(connection, [name], ignore_masters=ignoring)
    lines = [f"{table.entity_count:>9} rows of {class_path(table.name)}" for table in plan.tables]
    if confirm(["About to drop:", *lines], "Proceed?", True):
        drop_planned(connection, name, plan.digest, ignore_masters=ignoring)


def drop_table_quick(connection: Connection, name: schema_pb2.TableName) -> None:
    """Drop a table without asking, if none depends on it.

    Raises:
        HasChildren: A table does.
    """
    plan = plan_drop(connection, [name])
    if len(plan.tables) > 1:
        child, own = full_name(plan.tables[0].name), full_name(plan.tables[-1].name)
        raise HasChildren(f"{child} depends on {own}; use drop() to drop both.", {"table": own, "child": child})
    drop_planned(connection, name, plan.digest)


def plan_drop(
    connection: Connection, names: Sequence[schema_pb2.TableName], *, ignore_masters: bool = False
) -> schema_service_pb2.PlanDropResponse:
    """Ask the server which tables would go with some tables, and how many rows each has.

    Args:
        connection: The connection.
        names: The tables.
        ignore_masters: Let a part go whose master stays.
    """
    request = schema_service_pb2.PlanDropRequest(names=names, ignore_masters=ignore_masters)
    return connection.call("SchemaService/PlanDrop", request, schema_service_pb2.PlanDropResponse)


def drop_planned(
    connection: Connection, name: schema_pb2.TableName, digest: str, *, ignore_masters: bool = False
) -> None:
    """Drop the tables that were planned for one.

    Args:
        connection: The connection.
        name: The table.
        digest: The digest of the plan; empty: drop whatever there is.
        ignore_masters: Let a part go whose master stays.

    Raises:
        PlanChanged: The tables or their rows have changed.
    """
    request = schema_service_pb2.DropTablesRequest(
        names=[name], digest=digest, request_id=uuid4().hex, ignore_masters=ignore_masters
    )
    connection.call("SchemaService/DropTables", request, schema_service_pb2.DropTablesResponse)


def counts(tables: Iterable[schema_pb2.TableCount]) -> dict[str, int]:
    """Return numbers of entities by the tables' full names."""
    return {full_name(table.name): table.entity_count for table in tables}

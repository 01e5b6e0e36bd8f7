"""Tables of a plan that are here already: compared with it before anything is written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from levada._base.errors import InvalidRequest, LevadaError
from levada._base.names import class_path
from levada._from_datajoint.definitions import definition_of, references_of
from levada._from_datajoint.history import SCHEMA, ImportedTable
from levada._moving.descriptions import schemas_of, tables_of
from levada._pipeline.tiers import TIERS
from levada._tables.table import FreeTable
from levada_api.v1 import schema_pb2, schema_service_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from levada._from_datajoint.decisions import Decisions
    from levada._from_datajoint.facts import Place
    from levada._from_datajoint.plan import Plan, PlannedTable
    from levada._net.connection import Connection

TIER_OF = {base.__name__: tier for base, tier in TIERS.items()}
"""The tiers by the names that plans have for them."""


def name_of(table: PlannedTable) -> schema_pb2.TableName:
    """Return the name of a table here."""
    return schema_pb2.TableName(schema=table.schema, table=table.class_path)


def names_here(plan: Plan, connection: Connection) -> set[str]:
    """Return the names of the tables of a plan that are here already."""
    there = [schema.name for schema in schemas_of(connection, set(plan.schemas.values()))]
    found = {class_path(table.name) for table in tables_of(connection, there)} if there else set()
    return found & {table.name for table in plan.tables}


def compared(
    plan: Plan, connection: Connection, source: str, decisions: Decisions, plan_with: Callable[[Decisions], Plan]
) -> Plan:
    """Return a plan with what the tables that are here already mean for it.

    Args:
        source: The address of the database, as the history has it.
        decisions: Those of the plan.
        plan_with: Makes the plan that other decisions give.
    """
    look = _Look(plan, connection, source, decisions, plan_with)
    here = names_here(plan, connection)
    tables = [table for table in plan.tables if table.name in here]
    differing = {table.place: found for table in tables if (found := look.differences(table, plan))}
    return replace(
        plan,
        present={table.name: len(FreeTable(connection, table.name)) for table in tables},
        changes=(*plan.changes, *look.earlier_names()),
        problems=(*plan.problems, *(look.conflict(table, differing) for table in tables if table.place in differing)),
    )


def check_definition(differences: Sequence[str], table: PlannedTable) -> None:
    """Refuse a table that somebody made here, with another definition, since the plan was made.

    Raises:
        InvalidRequest: It does.
    """
    if differences:
        raise InvalidRequest(f"`{table.name}` is here by now, with another definition: {'; '.join(differences)}.")


@dataclass
class _Look:
    plan: Plan
    connection: Connection
    source: str
    decisions: Decisions
    plan_with: Callable[[Decisions], Plan]

    def __post_init__(self) -> None:
        self._before = self._names_before()

    def differences(self, table: PlannedTable, plan: Plan) -> list[str]:
        """Return the changes that would make a table here what a plan has, or why none can; none if they are equal."""
        tables = plan.by_place()
        request = schema_service_pb2.PlanAlterationRequest(
            name=name_of(table), definition=definition_of(table, tables), tier=TIER_OF[table.tier]
        )
        for written, parent in references_of(table, tables).items():
            request.references[written].CopyFrom(name_of(parent))
        try:
            answer = self.connection.call(
                "SchemaService/PlanAlteration", request, schema_service_pb2.PlanAlterationResponse
            )
        except LevadaError as error:
            return [str(error).rstrip(".")]
        return list(answer.changes)

    def conflict(self, table: PlannedTable, differing: Mapping[Place, Sequence[str]]) -> str:
        """Say how a table here differs from the plan, and what to write so that it does not."""
        before = self._before.get(str(table.place), "")
        schema = before.partition(".")[0]
        if schema and schema != table.schema:
            way = f'An earlier import made it `{before}`: write "{table.place.schema}" = "{schema}" under [schemas]'
        elif lines := self._fitting(table, differing):
            way = f"It was made by other decisions: write {lines} under [decisions]"
        elif before:
            way = "An earlier import made it: repeat its decisions and names"
        else:
            way = f'Write another name for the schema under [schemas], "{table.place.schema}" = "…"'
        return (
            f"`{table.name}` exists here with another definition. To become that of the plan it needs: "
            f"{'; '.join(differing[table.place])}. {way} in the file of decisions, or alter the table."
        )

    def earlier_names(self) -> list[str]:
        """Say which schemas an earlier import brought under another name."""
        found: dict[tuple[str, str, str], None] = {}
        for table in self.plan.tables:
            earlier = self._before.get(str(table.place), table.name).partition(".")[0]
            if earlier != table.schema:
                found[table.place.schema, earlier, table.schema] = None
        return [
            f"An earlier import brought the schema {there!r} as `{earlier}`; this one brings it as `{now}` too."
            for there, earlier, now in found
        ]

    def _fitting(self, table: PlannedTable, differing: Mapping[Place, Sequence[str]]) -> str:
        """Find the answers to questions about a table with which it would be as it is here."""
        prefix = f"{table.place}."
        decisions, least = self.decisions, len(differing[table.place])
        lines: dict[str, str] = {}
        for question in [one for one in decisions.asked.values() if one.id.partition(":")[2].startswith(prefix)]:
            for answer in question.answers:
                tried = decisions.answering(question.id, answer)
                plan = self.plan_with(tried)
                count = len(self.differences(plan.by_place()[table.place], plan))
                if count < least:
                    decisions, least, lines[question.id] = tried, count, answer
        return "" if least else " and ".join(f'"{id_}" = "{answer}"' for id_, answer in lines.items())

    def _names_before(self) -> dict[str, str]:
        """Return the name here of each table that was brought from the same database, by its place there."""
        table = FreeTable(self.connection, f"{SCHEMA}.{ImportedTable.__name__}")
        if not schemas_of(self.connection, {SCHEMA}):
            return {}
        rows = (table & {"source": self.source}).to_dicts("there", "name")
        return {row["there"]: row["name"] for row in rows}

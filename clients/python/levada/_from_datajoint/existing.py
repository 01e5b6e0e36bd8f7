"""Tables of a plan that are here already: compared with it before anything is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from levada._base.errors import InvalidRequest, NotFound, PreconditionFailed, Unsupported
from levada._base.names import class_path
from levada._from_datajoint.decisions import ZONE
from levada._from_datajoint.definitions import definition_of, references_of
from levada._from_datajoint.facts import Observation
from levada._from_datajoint.history import noted
from levada._moving.descriptions import schemas_of, tables_of
from levada._pipeline.tiers import TIERS
from levada._tables.table import FreeTable
from levada_api.v1 import schema_pb2, schema_service_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from levada._from_datajoint.decisions import Decisions
    from levada._from_datajoint.facts import Database, Place
    from levada._from_datajoint.plan import Plan, PlannedTable
    from levada._net.connection import Connection

_Seen = Callable[[Observation], Observation]
_MORE: tuple[_Seen, ...] = (
    lambda seen: replace(seen, impossible=1),
    lambda seen: replace(seen, not_bool=1),
    lambda seen: replace(seen, missing_labels=1),
    lambda seen: replace(seen, values=seen.blobs + 1),
)
"""Values that may have been there when a table was made: it has room for them, and for all that is there now."""
_LESS: tuple[_Seen, ...] = (
    lambda seen: replace(seen, impossible=0),
    lambda seen: replace(seen, not_bool=0),
    lambda seen: replace(seen, missing_labels=0),
    lambda seen: replace(seen, blobs=seen.values),
    lambda seen: replace(seen, blobs=0),
)
"""Values that may not have been there yet."""
_ROOM = "The table here has room for values that are gone there, and stays as it is."
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
    plan: Plan,
    connection: Connection,
    source: str,
    facts: Database,
    decisions: Decisions,
    plan_with: Callable[[Database, Decisions], Plan],
) -> Plan:
    """Return a plan with what the tables that are here already mean for it.

    Args:
        source: The address of the database, as the history has it.
        facts, decisions: Those of the plan.
        plan_with: Makes the plan that others give.
    """
    look = _Look(plan, connection, source, facts, decisions, plan_with)
    here = names_here(plan, connection)
    tables = {table.place: table for table in plan.tables if table.name in here}
    present = {table.name: len(FreeTable(connection, table.name)) for table in tables.values()}
    differing = {place: found for place, table in tables.items() if (found := look.differences(table, plan))}
    as_here = {place: like for place in differing if (like := look.as_if(tables[place], differing, _MORE)) is not None}
    return replace(
        plan,
        tables=tuple(as_here.get(table.place, table) for table in plan.tables),
        present=present,
        changes=(*plan.changes, *look.earlier_names()),
        problems=(
            *plan.problems,
            *(look.conflict(tables[place], differing) for place in differing if place not in as_here),
            *look.other_moments(table for table in tables.values() if present[table.name]),
        ),
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
    facts: Database
    decisions: Decisions
    plan_with: Callable[[Database, Decisions], Plan]

    def __post_init__(self) -> None:
        self._before = noted(self.connection, self.source)

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
        except (InvalidRequest, NotFound, PreconditionFailed, Unsupported) as error:
            return [str(error).rstrip(".")]
        return list(answer.changes)

    def conflict(self, table: PlannedTable, differing: Mapping[Place, Sequence[str]]) -> str:
        """Say how a table here differs from the plan, and what to write so that it does not."""
        before = self._before.get(str(table.place), {}).get("name", "")
        schema = before.partition(".")[0]
        otherwise = " in the file of decisions, or alter the table with `levada alter`."
        if schema and schema != table.schema:
            way = f'An earlier import made it `{before}`: write "{table.place.schema}" = "{schema}" under [schemas]'
        elif lines := self._fitting(table, differing):
            way = f"It was made by other decisions: write {lines} under [decisions]"
        elif self.as_if(table, differing, _LESS) is not None:
            way = "It was made before some values were there, which it cannot hold"
            otherwise = ": mend these there, or alter the table with `levada alter`."
        elif before:
            way = "An earlier import made it: repeat its decisions and names"
        else:
            way = f'Write another name for the schema under [schemas], "{table.place.schema}" = "…"'
        return (
            f"`{table.name}` exists here with another definition. To become that of the plan it needs: "
            f"{'; '.join(differing[table.place])}. {way}{otherwise}"
        )

    def earlier_names(self) -> list[str]:
        """Say which schemas an earlier import brought under another name."""
        found: dict[tuple[str, str, str], None] = {}
        for table in self.plan.tables:
            earlier = self._before.get(str(table.place), {}).get("name", table.name).partition(".")[0]
            if earlier != table.schema:
                found[table.place.schema, earlier, table.schema] = None
        return [
            f"An earlier import brought the schema {there!r} as `{earlier}`; this one brings it as `{now}` too."
            for there, earlier, now in found
        ]

    def other_moments(self, tables: Iterable[PlannedTable]) -> list[str]:
        """Say which tables here have moments that came otherwise than this plan would bring more of them."""
        now = self.plan.moments
        earlier = "as shown" if self.plan.utc else "utc"
        names = [
            f"`{table.name}`"
            for table in tables
            if table.has_moments
            and self._before.get(str(table.place))
            == {"there": str(table.place), "name": table.name, "moments": earlier}
        ]
        if not names:
            return []
        if ZONE in self.decisions.asked:
            way = f'write "{ZONE}" = "{earlier}" under [decisions] in the file of decisions'
        else:
            way = "let sessions of the database have the zone that they had then"
        return [
            f"An earlier import brought the moments of {' and '.join(names)} {earlier!r}, and this one would bring "
            f"others {now!r}: {way}."
        ]

    def as_if(
        self, table: PlannedTable, differing: Mapping[Place, Sequence[str]], seen: Sequence[_Seen]
    ) -> PlannedTable | None:
        """Return the plan of a table as if some values were seen otherwise, if it is the table here then."""
        facts, planned, least = self.facts, table, len(differing[table.place])
        for column in (column.source for column in table.columns):
            for other in seen if (table.place, column) in facts.observations else ():
                observations = {**facts.observations}
                observations[table.place, column] = other(observations[table.place, column])
                tried = replace(facts, observations=observations)
                plan = self.plan_with(tried, self.decisions.fresh())
                found = plan.by_place()[table.place]
                if found != planned and (count := len(self.differences(found, plan))) < least:
                    facts, planned, least = tried, found, count
        return None if least else replace(planned, changes=(*planned.changes, _ROOM))

    def _fitting(self, table: PlannedTable, differing: Mapping[Place, Sequence[str]]) -> str:
        """Find the answers to questions about a table with which it would be as it is here."""
        prefix = f"{table.place}."
        decisions, least = self.decisions, len(differing[table.place])
        lines: dict[str, str] = {}
        about = [
            one for one in decisions.asked.values() if one.id == ZONE or one.id.partition(":")[2].startswith(prefix)
        ]
        for question in about:
            for answer in question.answers:
                tried = decisions.answering(question.id, answer)
                plan = self.plan_with(self.facts, tried)
                count = len(self.differences(plan.by_place()[table.place], plan))
                if count < least:
                    decisions, least, lines[question.id] = tried, count, answer
        return "" if least else " and ".join(f'"{id_}" = "{answer}"' for id_, answer in lines.items())

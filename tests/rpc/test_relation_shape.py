"""Some relations are compiled once for all values, and others for each value."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from levada_api.v1 import relation_pb2 as pb
from levada_api.v1 import schema_pb2, value_pb2
from levada_server.errors import InvalidRequest, WrongValue
from levada_server.model.dependencies import Catalog
from levada_server.operations.access import plans
from levada_server.operations.access.compiling import compiled
from levada_server.operations.access.plans import Plans
from levada_server.rpc.decoding.relation_shape import MAX_BYTES, asked_relation
from tests.support.pipelines import SCHEMA, declare_table

if TYPE_CHECKING:
    from levada_server.model.table import Table
    from levada_server.query.algebra import Relation
    from levada_server.query.ownership import Insight
    from levada_server.query.query import Query

TABLE = pb.RelationNode(table=pb.TableOperand(name=schema_pb2.TableName(schema="lab", table="Thing")))
DEFINITION = "id : int32\n---\nname : varchar(20)\nabout = null : json\n"


def with_table(definition: str) -> Catalog:
    tables: dict[str, Table] = {}
    declare_table("Thing", definition, tables)
    return Catalog(1, frozenset({SCHEMA}), {table.name: table for table in tables.values()})


class Compiler:
    """Compiles relations of a client, with the plans of a server."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.catalog = with_table(DEFINITION)
        self.plans = Plans()
        self.compilations = 0

        async def counted(relation: Relation, catalog: Catalog, insight: Insight | None) -> Query:
            self.compilations += 1
            return await compiled(relation, catalog, insight)

        monkeypatch.setattr(plans, "compiled", counted)

    async def ask(self, **values: value_pb2.Value) -> Query:
        """Compile the table restricted by a mapping."""
        entries = [value_pb2.AttributeValue(name=name.replace("__", "."), value=v) for name, v in values.items()]
        message = pb.Relation(
            nodes=[TABLE, pb.RelationNode(restrict=pb.Restrict(operand=0, condition=0))],
            conditions=[pb.Condition(mapping=pb.Mapping(entries=entries))],
        )
        return await self.plans.compiled(asked_relation("relation", message), self.catalog, None, lambda _: None)


@pytest.fixture
def compiler(monkeypatch: pytest.MonkeyPatch) -> Compiler:
    return Compiler(monkeypatch)


def number(value: int) -> value_pb2.Value:
    return value_pb2.Value(integer=value)


def text(value: str) -> value_pb2.Value:
    return value_pb2.Value(text=value)


async def test_a_query_is_compiled_once_for_all_values(compiler: Compiler) -> None:
    for value in range(5):
        query = await compiler.ask(id=number(value), name=text(f"n{value}"))
        assert query.fetch().values == (value, f"n{value}")
    assert compiler.compilations == 1


async def test_what_is_more_than_another_value_is_compiled(compiler: Compiler) -> None:
    assert (await compiler.ask(id=number(1))).count().values == (1,)
    assert (await compiler.ask(id=text("2"))).count().values == (2,)
    assert "IS NULL" in (await compiler.ask(id=value_pb2.Value(null=0))).count().text  # type: ignore[arg-type]
    several = value_pb2.Value(list=value_pb2.Sequence(values=[number(1), number(2)]))
    assert (await compiler.ask(id=several)).count().values == ([1, 2],)
    assert compiler.compilations == 4
    assert (await compiler.ask(id=number(2**40))).count().values == ()
    with pytest.raises(WrongValue):
        await compiler.ask(id=text("no number"))
    assert (await compiler.ask(id=number(7))).count().values == (7,)
    assert (await compiler.ask(id=text("8"))).count().values == (8,)


async def test_parts_of_json_are_compiled_each_time(compiler: Compiler) -> None:
    values = [(await compiler.ask(about__part=value)).count().values for value in (number(1), number(2), text("x"))]
    assert len(set(map(repr, values))) == 3
    assert compiler.compilations == 3


async def test_another_catalog_forgets_all(compiler: Compiler) -> None:
    await compiler.ask(id=number(1))
    compiler.catalog = with_table(DEFINITION.replace("name", "title"))
    query = await compiler.ask(id=number(1))
    assert query.heading.names == ("id", "title", "about")
    assert compiler.compilations == 2


async def test_no_more_are_kept_than_the_limit(compiler: Compiler, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "MAX_PLANS", 2)
    for ask in ({"id": number(1)}, {"name": text("a")}, {"id": number(2)}, {"id": number(1), "name": text("b")}):
        await compiler.ask(**ask)
    assert compiler.compilations == 3
    await compiler.ask(id=number(3))
    assert compiler.compilations == 3, "what was asked for last stays"
    await compiler.ask(name=text("c"))
    assert compiler.compilations == 4


def test_large_relations_and_verdicts_have_no_shape() -> None:
    large = pb.Condition(expression=pb.Expression(text="x" * MAX_BYTES))
    verdicts = pb.RelationNode(staleness=pb.Staleness(name=TABLE.table.name))
    assert asked_relation("relation", pb.Relation(nodes=[TABLE])).shape is not None
    assert asked_relation("relation", pb.Relation(nodes=[TABLE], conditions=[large])).shape is None
    assert asked_relation("relation", pb.Relation(nodes=[verdicts])).shape is None


async def test_a_value_that_is_unset_is_refused(compiler: Compiler) -> None:
    await compiler.ask(id=number(1))
    with pytest.raises(InvalidRequest):
        await compiler.ask(id=value_pb2.Value())

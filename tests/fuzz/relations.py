"""Relations with every operator and every kind of condition and value, and how the server reads them."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError

from levada_api.v1 import query_service_pb2, schema_pb2, value_pb2
from levada_api.v1 import relation_pb2 as pb
from levada_server.query.compile import compile_relation
from levada_server.rpc.decoding.relation_shape import asked_relation
from levada_server.rpc.decoding.relations import relation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from levada_server.model.dependencies import Catalog

_ONE = value_pb2.Value(integer=1)
_VALUES = {
    "sex": value_pb2.Value(null="NULL_VALUE"),
    "weight": value_pb2.Value(float=0.5),
    "id": value_pb2.Value(big_integer="18446744073709551615"),
    "name": value_pb2.Value(text="a"),
    "picture": value_pb2.Value(binary=b"abc"),
    "price": value_pb2.Value(decimal="1.50"),
    "day": value_pb2.Value(date=20_000),
    "clock": value_pb2.Value(time=10**9),
    "delay": value_pb2.Value(duration=-(10**12)),
    "time": value_pb2.Value(timestamp=value_pb2.Timestamp(microseconds=10**15)),
    "zoned": value_pb2.Value(timestamp=value_pb2.Timestamp(microseconds=10**15, zone="Europe/Berlin")),
    "guid": value_pb2.Value(uuid=bytes(16)),
    "notes": value_pb2.Value(map=value_pb2.TextMap(keys=["a"], values=[_ONE])),
}


def _table(name: str) -> pb.RelationNode:
    return pb.RelationNode(table=pb.TableOperand(name=schema_pb2.TableName(schema="lab", table=name)))


def _restrict(operand: int, condition: int, *, negated: bool = False) -> pb.RelationNode:
    return pb.RelationNode(restrict=pb.Restrict(operand=operand, condition=condition, negated=negated))


def _project(operand: int, *items: pb.ProjectItem) -> pb.RelationNode:
    return pb.RelationNode(project=pb.Project(operand=operand, items=items))


def _named(name: str, text: str, *values: value_pb2.Value) -> pb.ProjectItem:
    return pb.ProjectItem(
        named=pb.NamedExpression(name=name, expression=pb.Expression(text=text, values=values)),
    )


def _equal(**values: value_pb2.Value) -> pb.Condition:
    entries = [value_pb2.AttributeValue(name=name, value=value) for name, value in values.items()]
    return pb.Condition(mapping=pb.Mapping(entries=entries))


def every_condition(entities: bytes) -> pb.Relation:
    """Return a relation with conditions of all kinds.

    Args:
        entities: Rows in Arrow's format, to restrict by.
    """
    conditions = [
        pb.Condition(expression=pb.Expression(text="id > ? and name like 'a'", values=[_ONE])),
        pb.Condition(constant=True),
        _equal(id=_ONE, sex=value_pb2.Value(null="NULL_VALUE")),
        pb.Condition(entities=pb.EntitySet(arrow_ipc=entities)),
        pb.Condition(all=pb.ConditionList(conditions=[0, 1])),
        pb.Condition(any=pb.ConditionList(conditions=[2, 4])),
        pb.Condition(complement=5),
        pb.Condition(relation=pb.RelationMatch(node=0)),
    ]
    nodes = [_table("Result"), _table("Thing")]
    nodes += [_restrict(1 + index, index, negated=index == 3) for index in range(len(conditions))]
    return pb.Relation(nodes=nodes, conditions=conditions, match_by_name=True)


def _relations(entities: bytes) -> Iterator[pb.Relation]:
    yield every_condition(entities)
    for name, value in _VALUES.items():
        yield pb.Relation(nodes=[_table("Thing"), _restrict(0, 0)], conditions=[_equal(**{name: value})])
    keep = pb.ProjectItem(attribute="weight"), pb.ProjectItem(remaining=True), pb.ProjectItem(excluded="notes")
    yield pb.Relation(nodes=[_table("Thing"), _project(0, *keep, _named("twice", "id * ?", _ONE))])
    join = pb.RelationNode(join=pb.Join(left=0, right=1))
    yield pb.Relation(nodes=[_table("Thing"), _table("Result"), join], match_by_name=True)
    counted = pb.Aggregate(operand=0, group=1, items=[_named("n", "count(score)")])
    yield pb.Relation(nodes=[_table("Thing"), _table("Result"), pb.RelationNode(aggregate=counted)], match_by_name=True)
    renamed = [_project(0, _named(name, "id")) for name in "ab"]
    universal = pb.RelationNode(universal_set=pb.UniversalSet(attributes=["weight"]))
    grouped = pb.Aggregate(operand=1, group=0, items=[_named("n", "count(*)")])
    yield pb.Relation(nodes=[_table("Thing"), universal, pb.RelationNode(aggregate=grouped)])
    yield pb.Relation(
        nodes=[_table("Thing"), *renamed, pb.RelationNode(union=pb.Union(left=1, right=1))], match_by_name=True
    )
    result = schema_pb2.TableName(schema="lab", table="Result")
    yield pb.Relation(nodes=[pb.RelationNode(job_table=pb.JobTable(name=result))])
    code = pb.TableCode(table=result, code_version="sha256:0")
    yield pb.Relation(nodes=[pb.RelationNode(staleness=pb.Staleness(name=result, codes=[code]))])
    top = pb.RelationNode(top=pb.Top(operand=0, limit=3, order=["weight desc", "KEY"], offset=1))
    yield pb.Relation(nodes=[_table("Thing"), top, top])


def seeds(entities: bytes) -> Iterator[bytes]:
    """Return requests to fetch relations."""
    for made in _relations(entities):
        yield query_service_pb2.FetchRelationRequest(relation=made).SerializeToString()


def read(content: bytes, catalog: Catalog) -> None:
    """Read the relation of a request, find its shape, and compile it with its values and with parameters."""
    request = query_service_pb2.FetchRelationRequest()
    with suppress(DecodeError):
        request.ParseFromString(content)
    asked_relation("relation", request.relation)
    for parameters in (False, True):
        decoded = relation("relation", request.relation, parameters=parameters)
        compile_relation(decoded, catalog).fetch()

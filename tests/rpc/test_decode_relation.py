"""A client's relation is checked before anything recurses: indices, counts, depth, and unset shapes."""

from __future__ import annotations

import pytest

from levada_api.v1 import query_service_pb2, schema_pb2
from levada_api.v1 import relation_pb2 as pb
from levada_server.errors import InvalidRequest, QueryTooDeep
from levada_server.query import algebra
from levada_server.rpc.decoding.relations import MAX_DEPTH, MAX_NODES, relation
from tests.fuzz.relations import seeds
from tests.support import make

TABLE = pb.RelationNode(table=pb.TableOperand(name=schema_pb2.TableName(schema="lab", table="Subject")))


def restricted(times: int) -> pb.Relation:
    nodes = [TABLE]
    nodes += [pb.RelationNode(restrict=pb.Restrict(operand=i, condition=0)) for i in range(times)]
    return pb.Relation(nodes=nodes, conditions=[pb.Condition(constant=True)])


def test_every_operator_and_condition_is_read() -> None:
    sent, entities = set(), make.arrow([{"id": 1}]).getvalue()
    for seed in seeds(entities):
        message = query_service_pb2.FetchRelationRequest.FromString(seed).relation
        relation("relation", message)
        sent |= {node.WhichOneof("operator") for node in message.nodes}
        sent |= {condition.WhichOneof("kind") for condition in message.conditions}
    shapes = (pb.RelationNode, "operator"), (pb.Condition, "kind")
    assert sent == {field.name for kind, oneof in shapes for field in kind.DESCRIPTOR.oneofs_by_name[oneof].fields}


def test_nesting_up_to_the_limit_is_read() -> None:
    decoded = relation("relation", restricted(MAX_DEPTH - 1))
    assert isinstance(decoded, algebra.Restrict)


@pytest.mark.parametrize("times", [MAX_DEPTH, 200, 5_000])
def test_deeper_nesting_is_refused(times: int) -> None:
    with pytest.raises(QueryTooDeep, match=str(MAX_DEPTH)):
        relation("relation", restricted(times))


def test_all_operators_match_by_name_if_the_relation_says_so() -> None:
    nodes = [
        TABLE,
        pb.RelationNode(join=pb.Join()),
        pb.RelationNode(union=pb.Union()),
        pb.RelationNode(aggregate=pb.Aggregate(operand=1, group=2)),
        pb.RelationNode(restrict=pb.Restrict(operand=3)),
    ]
    matched = pb.Condition(relation=pb.RelationMatch())
    for by_name in (False, True):
        read = relation("relation", pb.Relation(nodes=nodes, conditions=[matched], match_by_name=by_name))
        assert isinstance(read, algebra.Restrict)
        assert isinstance(read.operand, algebra.Aggregate)
        assert isinstance(read.operand.operand, algebra.Join)
        assert isinstance(read.operand.group, algebra.Union)
        assert isinstance(read.condition, algebra.Match)
        operators = (read.operand, read.operand.operand, read.operand.group, read.condition)
        assert [operator.by_name for operator in operators] == [by_name] * len(operators)


def test_more_nodes_than_the_limit_are_refused() -> None:
    with pytest.raises(QueryTooDeep, match=str(MAX_NODES)):
        relation("relation", pb.Relation(nodes=[TABLE] * (MAX_NODES + 1)))


def test_deeply_nested_conditions_are_refused_without_recursion() -> None:
    conditions = [pb.Condition(constant=True)]
    conditions += [pb.Condition(complement=i) for i in range(5_000)]
    message = pb.Relation(
        nodes=[TABLE, pb.RelationNode(restrict=pb.Restrict(operand=0, condition=5_000))], conditions=conditions
    )
    with pytest.raises(QueryTooDeep):
        relation("relation", message)


def test_few_operators_that_stand_for_many_are_refused() -> None:
    nodes = [TABLE, *(pb.RelationNode(join=pb.Join(left=i, right=i)) for i in range(40))]
    with pytest.raises(QueryTooDeep, match="shared parts"):
        relation("relation", pb.Relation(nodes=nodes))
    conditions = [pb.Condition(constant=True)]
    conditions += [pb.Condition(any=pb.ConditionList(conditions=[i, i])) for i in range(40)]
    restricted = pb.RelationNode(restrict=pb.Restrict(operand=0, condition=40))
    with pytest.raises(QueryTooDeep, match="shared parts"):
        relation("relation", pb.Relation(nodes=[TABLE, restricted], conditions=conditions))


@pytest.mark.parametrize(
    "message",
    [
        pb.Relation(),
        pb.Relation(nodes=[pb.RelationNode()]),
        pb.Relation(nodes=[pb.RelationNode(restrict=pb.Restrict(operand=0, condition=0))]),
        pb.Relation(nodes=[TABLE, pb.RelationNode(restrict=pb.Restrict(operand=1, condition=0))]),
        pb.Relation(nodes=[TABLE, pb.RelationNode(restrict=pb.Restrict(operand=0, condition=0))]),
        pb.Relation(nodes=[TABLE, pb.RelationNode(restrict=pb.Restrict(operand=0, condition=-1))]),
        pb.Relation(
            nodes=[TABLE, pb.RelationNode(restrict=pb.Restrict(operand=0, condition=0))], conditions=[pb.Condition()]
        ),
        pb.Relation(
            nodes=[TABLE, pb.RelationNode(restrict=pb.Restrict(operand=0, condition=0))],
            conditions=[pb.Condition(complement=0)],
        ),
        pb.Relation(
            nodes=[TABLE, pb.RelationNode(restrict=pb.Restrict(operand=0, condition=0))],
            conditions=[pb.Condition(relation=pb.RelationMatch(node=1))],
        ),
        pb.Relation(nodes=[TABLE, pb.RelationNode(project=pb.Project(operand=0, items=[pb.ProjectItem()]))]),
        pb.Relation(nodes=[TABLE, pb.RelationNode(top=pb.Top(operand=0, limit=-1))]),
        pb.Relation(
            nodes=[TABLE, pb.RelationNode(restrict=pb.Restrict(operand=0, condition=0))],
            conditions=[pb.Condition(entities=pb.EntitySet(arrow_ipc=b"no arrow"))],
        ),
    ],
)
def test_a_malformed_relation_is_refused(message: pb.Relation) -> None:
    with pytest.raises(InvalidRequest):
        relation("relation", message)

"""Trees become the flat lists of the protocol."""

from __future__ import annotations

from levada._query import nodes


def test_operands_come_before_their_users() -> None:
    subject, session = nodes.table("lab", "Subject"), nodes.table("lab", "Session")
    joined = nodes.join(subject, session, left_join=False, unchecked=False, extend=False)
    relation = nodes.encode_relation(joined)
    assert [node.WhichOneof("operator") for node in relation.nodes] == ["table", "table", "join"]
    assert (relation.nodes[2].join.left, relation.nodes[2].join.right) == (0, 1)
    assert relation.nodes[1].table.name.table == "Session"


def test_a_node_used_twice_is_sent_once() -> None:
    subject = nodes.table("lab", "Subject")
    relation = nodes.encode_relation(nodes.union(subject, subject))
    assert len(relation.nodes) == 2
    assert (relation.nodes[1].union.left, relation.nodes[1].union.right) == (0, 0)


def test_conditions_refer_to_conditions_and_nodes() -> None:
    trial = nodes.match(nodes.table("lab", "Trial"), unchecked=True)
    condition = nodes.any_of([nodes.complement(trial), nodes.expression("x > 3"), trial])
    relation = nodes.encode_relation(nodes.restrict(nodes.table("lab", "Subject"), condition, negated=True))
    kinds = [condition.WhichOneof("kind") for condition in relation.conditions]
    assert kinds == ["relation", "complement", "expression", "any"]
    assert relation.conditions[1].complement == 0
    assert list(relation.conditions[3].any.conditions) == [1, 2, 0]
    restrict = relation.nodes[-1].restrict
    assert (restrict.negated, restrict.condition) == (True, 3)
    assert relation.nodes[relation.conditions[0].relation.node].table.name.table == "Trial"
    assert relation.nodes[restrict.operand].table.name.table == "Subject"


def test_empty_lists_keep_their_kind() -> None:
    subject = nodes.table("lab", "Subject")
    relation = nodes.encode_relation(nodes.restrict(subject, nodes.all_of([]), negated=False))
    assert relation.conditions[0].WhichOneof("kind") == "all"


def test_a_tree_may_be_deeper_than_the_stack_of_python() -> None:
    node = nodes.table("lab", "Subject")
    for _ in range(20_000):
        node = nodes.restrict(node, nodes.constant(True), negated=False)
    assert len(nodes.encode_relation(node).nodes) == 20_001

"""Loops of restrictions and unions reach the server flat, and mean what they meant."""

from __future__ import annotations

import operator
from functools import reduce
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

import levada as lv
from levada._query import nodes
from levada._query.flattening import LONG, flattened, relation_message
from levada._query.restriction import condition_node
from levada_server.rpc.decoding.relations import relation as decoded
from tests.support.agreement import multiset
from tests.support.pipelines import random_pipeline

if TYPE_CHECKING:
    from collections.abc import Callable

    from levada._query.nodes import Node
    from tests.support.entities import Entities
    from tests.support.oracle import Oracle

TESTS = ("levada._query.nodes", "levada._query.restriction")

MANY = 2_000


def entities(oracle: Oracle, node: Node) -> Entities:
    return oracle.evaluate(decoded("relation", nodes.encode_relation(node)))


def random_condition(chance: Random, base: Node, found: Entities) -> Node:
    """Make a condition on a table from the keys of its rows."""
    names = found.heading.primary_key
    keys = [dict(zip(names, row, strict=False)) for row in found.rows]
    some = chance.sample(keys, min(len(keys), chance.randint(0, 3)))
    match chance.randint(0, 4):
        case 0:
            return condition_node(chance.choice(keys) if keys else True)
        case 1:
            return condition_node(some)
        case 2:
            return condition_node(lv.Not(some))
        case 3:
            return nodes.match(
                nodes.project(nodes.restrict(base, condition_node(some), negated=False), ()), unchecked=False
            )
        case _:
            return nodes.constant(chance.choice((True, True, False)))


def restricted(chance: Random, base: Node, found: Entities, count: int) -> Node:
    node = base
    for _ in range(count):
        condition = random_condition(chance, base, found)
        node = nodes.restrict(node, condition, negated=chance.random() < 0.5)
    return node


@pytest.mark.parametrize("seed", range(60))
def test_a_flat_tree_means_what_the_nested_one_does(seed: int) -> None:
    chance = Random(seed)
    oracle = random_pipeline(chance).oracle
    name, found = chance.choice([(n, e) for n, e in oracle.tables.items() if e.heading.primary_key])
    base = nodes.table(name.schema, name.table)
    chain = restricted(chance, base, found, LONG + chance.randint(0, 8))
    operands = [nodes.project(restricted(chance, base, found, chance.randint(0, 3)), ()) for _ in range(LONG + 3)]
    chance.shuffle(operands)
    united = reduce(nodes.union, operands)
    for node in (
        chain,
        united,
        nodes.restrict(base, nodes.match(nodes.project(chain, ()), unchecked=False), negated=True),
    ):
        flat = flattened(node)
        wanted, got = entities(oracle, node), entities(oracle, flat)
        assert got.heading == wanted.heading
        assert multiset(got.rows, got.heading) == multiset(wanted.rows, wanted.heading)
        assert len(relation_message(node).nodes) <= len(nodes.encode_relation(node).nodes)


def test_short_chains_keep_their_form() -> None:
    table = nodes.table("lab", "Subject")
    short = reduce(lambda node, _: nodes.restrict(node, nodes.constant(True), negated=False), range(LONG - 1), table)
    assert flattened(short) is short


def nested_lists() -> object:
    condition: object = []
    for number in range(MANY):
        condition = [condition, {"id": number}]
    return condition


LOOPS: dict[str, tuple[Callable[[type[lv.Table]], Any], Callable[[int], bool]]] = {
    "restrictions by mappings": (lambda t: reduce(lambda q, _: q & {"x": 3}, range(MANY), t()), lambda i: i % 7 == 3),
    "restrictions by text": (lambda t: reduce(lambda q, i: q & f"id != {i}", range(MANY), t()), lambda i: i >= MANY),
    "exclusions of mappings": (lambda t: reduce(lambda q, i: q - {"id": i}, range(MANY), t()), lambda i: i >= MANY),
    "exclusions by text": (lambda t: reduce(lambda q, i: q - f"y = {i}", range(MANY), t()), lambda i: i % 5 == 0),
    "exclusions of queries": (
        lambda t: reduce(lambda q, i: q - (t & {"id": i}).proj(), range(200), t()),
        lambda i: i >= 200,
    ),
    "unions": (
        lambda t: reduce(operator.add, [(t & {"id": i}).proj() for i in range(MANY)]),
        lambda i: i < MANY,
    ),
    "unions of different queries": (
        lambda t: reduce(operator.add, [(t & {"id": i}).proj(**{f"x{i}": "x"}) for i in range(100)]),
        lambda i: i < 100,
    ),
    "nested lists": (lambda t: t & nested_lists(), lambda i: i < MANY),
    "nested AndLists": (
        lambda t: t & reduce(lambda c, i: lv.AndList([c, f"id != {i}"]), range(MANY), lv.AndList()),
        lambda i: i >= MANY,
    ),
    "an AndList": (lambda t: t & lv.AndList(f"id != {i}" for i in range(MANY)), lambda i: i >= MANY),
    "a list of mappings of two kinds": (
        lambda t: t & [{"id": i} if i % 2 else {"id": i, "x": i % 7} for i in range(MANY)],
        lambda i: i < MANY,
    ),
    "terms joined by |": (lambda t: t & reduce(operator.or_, [t.c.id == i for i in range(MANY)]), lambda i: i < MANY),
    "terms joined by &": (lambda t: t & reduce(operator.and_, [t.c.id != i for i in range(MANY)]), lambda i: i >= MANY),
}


def test_long_loops_stay_within_the_limits(connection: lv.Connection) -> None:
    @lv.Schema("lab", connection=connection)
    class Item(lv.Manual):
        definition = "id : int32\n---\nx : int32\ny = null : int32"

    Item.insert([(i, i % 7, None if i % 5 == 0 else 0) for i in range(MANY + 100)])
    for name, (build, wanted) in LOOPS.items():
        expected = [i for i in range(MANY + 100) if wanted(i)]
        assert build(Item).to_arrays("id", order_by="id").tolist() == expected, name
    with pytest.raises(lv.errors.InvalidRequest, match="secondary attribute `x`"):
        len(reduce(operator.add, [Item & {"id": i} for i in range(50)]))
    assert reduce(lambda q, i: q - {"id": i}, range(50, MANY + 100), Item()).delete(prompt=False) == 50

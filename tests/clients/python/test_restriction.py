"""Every operand of `&` becomes a condition of the protocol."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import levada as lv
from levada._query.nodes import encode_relation, restrict, table, universal_set
from levada._query.relation import Relation
from levada._query.restriction import condition_node, order_terms, top_node
from levada_api.v1 import value_pb2
from levada_server.rpc.decoding import values

if TYPE_CHECKING:
    from collections.abc import Callable

    from levada_api.v1 import relation_pb2 as pb

TESTS = ("levada._query.nodes", "levada._query.relation")

TABLE = table("lab", "Subject")
ANYTHING = Relation(None, TABLE)


def encoded(condition: object) -> pb.Relation:
    return encode_relation(restrict(TABLE, condition_node(condition), negated=False))


def last(condition: object) -> pb.Condition:
    return encoded(condition).conditions[-1]


def entries(condition: object) -> dict[str, object]:
    return {entry.name: values.value(entry.value) for entry in last(condition).mapping.entries}


@pytest.mark.parametrize("value", [True, np.True_])
def test_a_truth_value_is_a_constant(value: object) -> None:
    assert last(value).constant is True


@pytest.mark.parametrize("text", ["x > 3", np.str_("x > 3")])
def test_text_is_an_expression(text: str) -> None:
    assert last(text).expression.text == "x > 3"


def test_a_mapping_is_equalities_of_plain_values() -> None:
    moment = dt.datetime(2026, 1, 2, 3)
    mapping = {
        "a": np.int64(5),
        "b": None,
        "c": pd.NaT,
        "d": pd.Timestamp(moment),
        "e": np.datetime64("2026-01-02"),
        "f": np.float32(0.5),
        "g": UUID(int=7),
    }
    assert entries(mapping) == {
        "a": 5,
        "b": None,
        "c": None,
        "d": moment,
        "e": dt.date(2026, 1, 2),
        "f": 0.5,
        "g": UUID(int=7),
    }


@pytest.mark.parametrize("values", [[1, 2], (1, 2), np.array([1, 2]), {1, 2}])
def test_several_values_in_a_mapping_are_a_list(values: object) -> None:
    assert entries({"a": values}) == {"a": (1, 2)}


def test_a_record_is_a_mapping() -> None:
    records = np.array([(1, "x")], dtype=[("a", int), ("b", "U5")])
    assert entries(records[0]) == {"a": 1, "b": "x"}


@pytest.mark.parametrize("items", [["x > 1", {"a": 1}], ("x > 1", {"a": 1}), iter(["x > 1", {"a": 1}])])
def test_a_collection_is_an_or(items: object) -> None:
    relation = encoded(items)
    assert [c.WhichOneof("kind") for c in relation.conditions] == ["expression", "mapping", "any"]


def test_an_empty_list_holds_for_nothing_and_an_empty_and_for_all() -> None:
    assert last([]).WhichOneof("kind") == "any"
    assert last(lv.AndList()).WhichOneof("kind") == "all"


def test_not_is_a_complement_and_keeps_nesting() -> None:
    relation = encoded(lv.Not(lv.AndList(["x > 1", lv.Not({"a": 1})])))
    kinds = [c.WhichOneof("kind") for c in relation.conditions]
    assert kinds == ["expression", "mapping", "complement", "all", "complement"]


@pytest.mark.parametrize(
    "rows",
    [
        pd.DataFrame({"a": [1, 2], "b": ["x", None]}),
        pd.DataFrame({"b": ["x", None]}, index=pd.Index([1, 2], name="a")),
        pl.DataFrame({"a": [1, 2], "b": ["x", None]}),
        pa.table({"a": [1, 2], "b": ["x", None]}),
        np.array([(1, "x"), (2, None)], dtype=[("a", int), ("b", object)]),
    ],
)
def test_a_table_of_values_is_a_set_of_entities(rows: object) -> None:
    table = pa.ipc.open_stream(last(rows).entities.arrow_ipc).read_all()
    assert table.to_pylist() == [{"a": 1, "b": "x"}, {"a": 2, "b": None}]


def test_many_mappings_become_one_set_of_entities() -> None:
    day = dt.date(2026, 1, 1)
    keys = [{"a": i, "u": UUID(int=i), "d": Decimal(i), "day": day} for i in range(1000)]
    relation = encoded(keys)
    assert len(relation.conditions) == 1
    table = pa.ipc.open_stream(relation.conditions[0].entities.arrow_ipc).read_all()
    assert table.num_rows == 1000
    assert table.to_pylist()[7] == {"a": 7, "u": UUID(int=7).bytes, "d": Decimal(7), "day": day}


def test_many_mappings_of_mixed_kinds_stay_conditions() -> None:
    assert last([{"a": i if i else "zero"} for i in range(100)]).WhichOneof("kind") == "any"
    assert last([{"a": i} if i else {"b": i} for i in range(100)]).WhichOneof("kind") == "any"


@pytest.mark.parametrize(
    "condition",
    [
        None,
        5,
        object(),
        [lv.Top()],
        lv.Not(lv.Top()),
        {5: 1},
        "a = '\ud800'",
        {"\ud800": 1},
        pytest.param(10**5_000, id="long"),
    ],
)
def test_what_cannot_restrict_is_refused(condition: object) -> None:
    with pytest.raises(lv.errors.InvalidRequest):
        condition_node(condition)


def test_a_value_that_cannot_be_sent_names_its_attribute() -> None:
    with pytest.raises(lv.errors.WrongValue, match="attribute `a`: a lambda"):
        condition_node({"a": lambda: 0})


@pytest.mark.parametrize("count", [-1, 1.5, float("nan"), float("inf"), "1", 2**63, pytest.param(10**5_000, id="long")])
@pytest.mark.parametrize("name", ["limit", "offset"])
def test_a_limit_that_is_no_number_of_entities_is_refused(name: str, count: Any) -> None:  # noqa: ANN401  # what Top does not take
    with pytest.raises(lv.errors.InvalidRequest, match=f"{name} is a whole number"):
        top_node(universal_set(["a"]), lv.Top(**{name: count}))


@pytest.mark.parametrize(
    "use",
    [
        lambda text: lv.U(text),
        lambda text: lv.U("a").proj(text),
        lambda text: lv.U("a").proj(b=text),
        lambda text: lv.U("a").proj(**{text: "a"}),
        lambda text: ANYTHING & lv.Top(order_by=text),
        lambda text: ANYTHING & lv.Not(text),
    ],
)
def test_text_that_is_not_unicode_is_refused_wherever_it_stands(use: Callable[[str], object]) -> None:
    with pytest.raises(lv.errors.InvalidRequest, match="has a lone surrogate"):
        use("a\ud800")


def test_orders_are_taken_apart() -> None:
    assert order_terms(None) == []
    assert order_terms("KEY") == ["KEY"]
    assert order_terms("a, b DESC") == ["a", "b DESC"]
    assert order_terms(["a DESC", "KEY"]) == ["a DESC", "KEY"]


def test_the_message_keeps_the_only_null_apart_from_nothing() -> None:
    assert last({"a": None}).mapping.entries[0].value == value_pb2.Value(null=0)  # type: ignore[arg-type]


class Row(NamedTuple):
    a: int
    b: str | None


FRAME = pd.DataFrame({"a": [1, 2], "b": ["x", None]})


@pytest.mark.parametrize(
    "row",
    [
        FRAME.iloc[0],
        next(FRAME.iterrows())[1],
        next(FRAME.itertuples(index=False)),
        Row(1, "x"),
        pl.DataFrame(FRAME).row(0, named=True),
        pa.Table.from_pandas(FRAME).to_pylist()[0],
        pa.StructScalar,
        np.array([(1, "x")], dtype=[("a", int), ("b", "U5")])[0],
        np.array((1, "x"), dtype=[("a", int), ("b", "U5")])[()],
        np.rec.array([(1, "x")], dtype=[("a", int), ("b", "U5")])[0],
        np.array({"a": 1, "b": "x"}),
        {"a": np.array(1), "b": np.array("x")},
        {"a": pa.scalar(1), "b": pa.scalar("x")},
    ],
)
def test_a_row_of_any_library_is_a_mapping(row: object) -> None:
    if row is pa.StructScalar:
        row = pa.scalar({"a": 1, "b": "x"})
    assert entries(row) == {"a": 1, "b": "x"}


def test_nan_in_a_pandas_row_is_missing_and_in_a_record_a_number() -> None:
    frame = pd.DataFrame({"a": [1], "b": [np.nan], "c": [pd.NaT], "d": ["x"]}).astype(object)
    assert entries(frame.iloc[0]) == {"a": 1, "b": None, "c": None, "d": "x"}
    record = np.array([(np.nan,)], dtype=[("b", float)])[0]
    assert np.isnan(entries(record)["b"])  # type: ignore[call-overload]  # a float


@pytest.mark.parametrize(
    "items",
    [
        pd.Series(["x > 1", {"a": 1}]),
        np.array(["x > 1", {"a": 1}], dtype=object),
        [np.str_("x > 1"), Row(1, None)._replace(b=None)],
    ],
)
def test_a_column_of_conditions_is_an_or(items: object) -> None:
    assert [c.WhichOneof("kind") for c in encoded(items).conditions] == ["expression", "mapping", "any"]


@pytest.mark.parametrize(
    "values",
    [
        pd.Series([1, 2]),
        pd.Index([1, 2]),
        pd.Series([1, 2], index=["p", "q"]),
        pd.array([1, 2]),
        pd.Categorical([1, 2]),
        pl.Series([1, 2]),
        pa.array([1, 2]),
        pa.chunked_array([[1], [2]]),
        np.array([1, 2], "i2"),
    ],
)
def test_a_column_in_a_mapping_is_a_list(values: object) -> None:
    assert entries({"a": values}) == {"a": (1, 2)}


def test_many_rows_of_pandas_are_one_set_of_entities() -> None:
    frame = pd.DataFrame({"a": range(100), "b": ["x"] * 100})
    for rows in (
        [row for _, row in frame.iterrows()],
        list(frame.itertuples(index=False)),
        iter(frame.to_dict("records")),
    ):
        table = pa.ipc.open_stream(last(rows).entities.arrow_ipc).read_all()
        assert table.to_pylist()[99] == {"a": 99, "b": "x"}


@pytest.mark.parametrize(
    "table",
    [
        pd.DataFrame({"a": [UUID(int=1), UUID(int=2)]}),
        pd.DataFrame({"a": [UUID(int=1), UUID(int=2)]}).set_index("a"),
        np.array([(UUID(int=1),), (UUID(int=2),)], dtype=[("a", object)]),
        pl.DataFrame({"a": pl.Series([UUID(int=1), UUID(int=2)], dtype=pl.Object)}),
    ],
)
def test_a_table_with_values_that_arrow_lacks_is_a_list_of_mappings(table: object) -> None:
    relation = encoded(table)
    if relation.conditions[-1].WhichOneof("kind") == "any":
        found = [values.value(c.mapping.entries[0].value) for c in relation.conditions[:-1]]
    else:
        rows = pa.ipc.open_stream(relation.conditions[-1].entities.arrow_ipc).read_all()
        found = [UUID(bytes=v) if isinstance(v, bytes) else v for v in rows["a"].to_pylist()]
    assert found == [UUID(int=1), UUID(int=2)]


def _within_itself(
    conditions: list[Any], inside: Callable[[list[Any]], object] = lambda conditions: conditions
) -> list[Any]:
    conditions.append(inside(conditions))
    return conditions


def _deep(depth: int) -> object:
    condition: object = "a > 1"
    for _ in range(depth):
        condition = lv.Not(condition)
    return condition


def _array_within_itself() -> np.ndarray[Any, Any]:
    array = np.empty(1, object)
    array[0] = array
    return array


CYCLIC: dict[str, object] = {
    "a list": _within_itself([]),
    "a list with others": _within_itself(["a > 1", {"b": 2}]),
    "an AndList": _within_itself(lv.AndList(["a > 1"])),
    "a list by way of a tuple": _within_itself([], lambda conditions: (conditions,)),
    "a list by way of Not": _within_itself([], lv.Not),
    "an array": _array_within_itself(),
    "one that only nests deep": _deep(5_000),
}


@pytest.mark.parametrize("condition", CYCLIC.values(), ids=CYCLIC.keys())
def test_conditions_within_themselves_are_refused(condition: object) -> None:
    query = ANYTHING & "a > 0"
    with pytest.raises(lv.errors.InvalidRequest, match=r"contains itself|nests too deep"):
        _ = query & condition
    with pytest.raises(lv.errors.InvalidRequest, match=r"contains itself|nests too deep"):
        _ = query - condition


def test_a_list_that_is_there_several_times_counts_once() -> None:
    shared: list[object] = ["a > 1", "b > 2"]
    for _ in range(40):
        shared = [shared, shared]
    assert encoded(shared) == encoded(["a > 1", "b > 2"])
    both = lv.AndList(["a > 1", "b > 2"])
    assert encoded(lv.AndList([both, "c > 3", both])) == encoded(lv.AndList([both, "c > 3"]))


@pytest.mark.parametrize("order", [5, lv.Not("a"), [["a"]]])
def test_an_order_that_is_not_text_is_refused(order: object) -> None:
    with pytest.raises(lv.errors.InvalidRequest, match="order_by takes names"):
        order_terms(order)


def test_a_name_that_is_not_text_is_refused() -> None:
    with pytest.raises(lv.errors.InvalidRequest, match="is text, not a value of class list"):
        lv.U(["a"])  # type: ignore[arg-type]


@pytest.mark.parametrize("condition", [{"a": 1}, "a = 1", True, [{"a": 1}], lv.AndList([]), lv.Top()])
def test_a_universal_set_is_restricted_by_queries_alone(condition: object) -> None:
    with pytest.raises(
        lv.errors.InvalidRequest, match=rf"restricted by a {type(condition).__name__}: .* U\('a'\) & Table"
    ):
        _ = lv.U("a") & condition
    with pytest.raises(lv.errors.InvalidRequest, match="cannot be antirestricted"):
        _ = lv.U("a") - ANYTHING

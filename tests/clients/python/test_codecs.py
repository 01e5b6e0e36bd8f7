"""Values of a user's own kind are written and read by codecs; the server and other clients know the stored type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import networkx as nx
import numpy as np
import polars as pl
import pytest

import levada as lv
from levada._values import codecs as codec_module

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Point:
    x: float
    y: float


@pytest.fixture(autouse=True)
def registry(monkeypatch: pytest.MonkeyPatch) -> dict[str, lv.Codec]:
    """The codecs of this test alone."""
    codecs: dict[str, lv.Codec] = {}
    monkeypatch.setattr(codec_module, "_registered", codecs)
    return codecs


def define_graph() -> None:
    class GraphCodec(lv.Codec):
        name = "graph"

        def get_dtype(self, is_store: bool) -> str:
            return "<blob>"

        def encode(self, value: Any, *, key: object = None, store_name: object = None) -> Any:  # noqa: ANN401
            return {"nodes": list(value.nodes), "edges": list(value.edges)}

        def decode(self, stored: Any, *, key: object = None) -> Any:  # noqa: ANN401
            graph = nx.Graph()
            graph.add_nodes_from(stored["nodes"])
            graph.add_edges_from(stored["edges"])
            return graph

        def validate(self, value: Any) -> None:  # noqa: ANN401
            if not isinstance(value, nx.Graph):
                raise TypeError("a graph is needed")


def define_points() -> None:
    """Two codecs; one stores its values by the other."""

    class Pair(lv.Codec):
        name = "pair"
        dtype = "varchar(40)"

        def encode(self, value: Any) -> str:  # noqa: ANN401
            return f"{value[0]};{value[1]}"

        def decode(self, stored: str) -> Any:  # noqa: ANN401
            return tuple(map(float, stored.split(";")))

    class PointCodec(lv.Codec):
        name = "point"
        dtype = "<pair>"

        def encode(self, value: Any) -> Any:  # noqa: ANN401
            return (value.x, value.y)

        def decode(self, stored: Any) -> Any:  # noqa: ANN401
            return Point(*stored)


@pytest.fixture
def places(connection: lv.Connection) -> Iterator[type[lv.Manual]]:
    define_points()

    @lv.Schema("map", connection=connection)
    class Place(lv.Manual):
        definition = """
        name : varchar(20)
        ---
        at = null : <point>  # where it is
        tag : < pair >
        """

    Place.insert([{"name": "A", "at": Point(1, 2.5), "tag": (0, 1)}, {"name": "B", "at": None, "tag": (2, 3)}])
    yield Place


def test_a_codec_writes_and_reads_values_of_its_kind(connection: lv.Connection) -> None:
    define_graph()

    @lv.Schema("net", connection=connection)
    class Net(lv.Manual):
        definition = """
        net : int32
        ---
        g : <graph>
        """

    Net.insert([{"net": 1, "g": nx.path_graph(3)}, (2, nx.complete_graph(4))])
    assert nx.is_isomorphic((Net & "net = 1").fetch1("g"), nx.path_graph(3))
    assert Net().heading["g"].type == "<graph: <blob>>"
    Net.update1({"net": 1, "g": nx.path_graph(5)})
    assert len((Net & "net = 1").fetch1("g")) == 5
    with pytest.raises(lv.errors.WrongValue, match="row 0, attribute `g`: the codec <graph> refuses a int: a graph is"):
        Net.insert1((3, 5))
    with pytest.raises(lv.errors.WrongValue, match="the codec <graph> refuses a int: a graph is"):
        Net.update1({"net": 1, "g": 5})


def test_codecs_are_chained(places: type[lv.Manual]) -> None:
    rows = places.to_dicts(order_by="name")
    assert [(row["at"], row["tag"]) for row in rows] == [(Point(1, 2.5), (0, 1)), (None, (2, 3))]
    assert {name: places().heading[name].type for name in ("at", "tag")} == {
        "at": "<point: <pair: varchar(40)>>",
        "tag": "<pair: varchar(40)>",
    }
    places.update1({"name": "A", "at": Point(5, 6), "tag": (7, 8)})
    assert (places & "name = 'A'").fetch1("at", "tag") == (Point(5, 6), (7, 8))


def test_every_form_of_fetch_decodes(places: type[lv.Manual]) -> None:
    assert places.fetch("at", order_by="name").tolist() == [Point(1, 2.5), None]
    assert places.to_pandas().loc["A", "at"] == Point(1, 2.5)
    frame = places.to_polars()
    assert frame["at"].dtype == pl.Object
    assert frame["at"][0] == Point(1, 2.5)
    assert places.fetch(order_by="name").at.tolist() == [Point(1, 2.5), None]
    assert "<point>" in repr(places())


def test_every_form_of_rows_is_encoded(places: type[lv.Manual]) -> None:
    frame = places.to_pandas().reset_index()
    table = places.to_arrow()
    for rows in (frame, places.to_polars(), table, frame.to_records()):
        places.delete_quick()
        places.insert(rows, ignore_extra_fields=True)
        assert places.fetch("at", order_by="name").tolist() == [Point(1, 2.5), None]


def test_what_is_stored_can_be_asked_and_fetched(places: type[lv.Manual]) -> None:
    assert len(places & "at LIKE '1%'") == 1
    assert places.proj(first="concat(at, '!')").fetch("first", order_by="name").tolist() == ["1;2.5!", None]
    with lv.config.override(codecs__decode=False):
        assert places.fetch("at", order_by="name").tolist() == ["1;2.5", None]
    assert (places.proj(position="at") & "name = 'A'").fetch1("position") == Point(1, 2.5)


def test_without_its_codec_a_value_is_an_error_that_names_it(
    places: type[lv.Manual], registry: dict[str, lv.Codec]
) -> None:
    registry.clear()
    with pytest.raises(lv.errors.Unsupported, match=r"`at`: .* read by the codec <pair>") as caught:
        places.fetch("at")
    assert caught.value.details == {"codec": "pair"}
    with pytest.raises(lv.errors.Unsupported, match="the codec <point>"):
        places.insert1(("C", Point(1, 1), (1, 1)))
    assert places.fetch("name", order_by="name").tolist() == ["A", "B"]
    assert "<point>" in repr(places())
    with lv.config.override(codecs__decode=False):
        assert places.fetch("tag", order_by="name").tolist() == ["0;1", "2;3"]


def test_a_description_declares_the_table_without_the_codecs(
    places: type[lv.Manual], connection: lv.Connection, registry: dict[str, lv.Codec]
) -> None:
    registry.clear()
    description = places().describe()
    assert "at = null : <point: <pair: varchar(40)>>  # where it is" in description
    again = lv.Schema("again", connection=connection)(type("Place", (lv.Manual,), {"definition": description}))
    assert again().heading["at"].type == places().heading["at"].type
    lv.Schema("map", connection=connection)(type("Place", (lv.Manual,), {"definition": description}))


def test_a_codec_that_stores_otherwise_is_a_difference_and_can_be_altered(
    places: type[lv.Manual], connection: lv.Connection
) -> None:
    type(lv.get_codec("pair")).dtype = "text"
    with pytest.warns(lv.LevadaWarning, match=r"<pair: text>"):
        lv.Schema("map", connection=connection)(type("Place", (lv.Manual,), {"definition": places.definition}))
    assert places().alter(prompt=False)
    assert places().heading["tag"].type == "<pair: text>"
    assert places.fetch("tag", order_by="name").tolist() == [(0, 1), (2, 3)]


class PointAdapter(lv.AttributeAdapter):
    """As code for DataJoint 0.14 has them."""

    attribute_type = "longblob"

    def put(self, obj: Any) -> Any:  # noqa: ANN401
        return np.array([obj.x, obj.y])

    def get(self, value: Any) -> Any:  # noqa: ANN401
        return Point(*value)


def test_an_adapter_of_the_older_form_is_found_where_the_class_is(
    connection: lv.Connection, registry: dict[str, lv.Codec]
) -> None:
    spot = PointAdapter()
    schema = lv.Schema("older", connection=connection)

    @schema
    class Spot(lv.Manual):
        definition = """
        spot_id : int
        ---
        at : <spot>
        """

    Spot.insert1((1, Point(1, 2)))
    assert Spot.fetch1("at") == Point(1, 2)
    registry.clear()
    with pytest.raises(lv.errors.Unsupported, match="the codec <spot>"):
        Spot.fetch1("at")
    module = lv.VirtualModule("older", "older", connection=connection, add_objects={"spot": spot})
    assert module.Spot.fetch1("at") == Point(1, 2)


def test_a_codec_of_an_installed_package_is_found_by_its_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    class Point:  # stands for the package's metadata
        name = "spin"

        @staticmethod
        def load() -> type[lv.Codec]:
            class Spin(lv.Codec):
                name = "spin"
                dtype = "int8"

                def encode(self, value: Any) -> int:  # noqa: ANN401
                    return int(value)

                def decode(self, stored: int) -> int:
                    return stored

            return Spin

    asked: list[dict[str, str]] = []

    def points(**wanted: str) -> list[Any]:
        asked.append(wanted)
        return [Point] if wanted.get("name", "spin") == "spin" else []

    monkeypatch.setattr(codec_module, "entry_points", points)
    assert lv.list_codecs() == ["spin"]
    assert lv.get_codec("spin").get_dtype(False) == "int8"
    assert {"group": "levada.codecs", "name": "spin"} in asked
    with pytest.raises(lv.errors.Unsupported, match="no codec <other> here; there are spin"):
        lv.get_codec("other")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a : <unheard>", "`<unheard>` is not a type, and no codec of this name came with the definition"),
        ("a : <loop>", "the codec `<loop>` is stored as `<loop>`"),
        ("a : <strange>", "the codec `<strange>` is stored as `number`: `number` is not a type"),
        ("a : <blob: int32>", "`blob` cannot be the name of a codec"),
        ("a = 5 : <pair>", "has no default but null"),
        ("a : " + "<x: " * 9 + "int8" + ">" * 9, "too many codecs"),
    ],
)
def test_a_definition_says_what_is_wrong_with_a_codec(connection: lv.Connection, line: str, message: str) -> None:
    define_points()
    for name_, dtype_ in (("loop", "<loop>"), ("strange", "number")):
        members = {"name": name_, "dtype": dtype_, "encode": lambda s, v: v, "decode": lambda s, v: v}
        type("Odd", (lv.Codec,), members)
    schema = lv.Schema("wrong", connection=connection)
    with pytest.raises(lv.errors.InvalidDefinition, match=message):
        schema(type("Wrong", (lv.Manual,), {"definition": f"id : int32\n---\n{line}"}))


def test_a_codec_is_no_part_of_a_key(connection: lv.Connection) -> None:
    define_points()
    schema = lv.Schema("wrong", connection=connection)
    with pytest.raises(lv.errors.InvalidDefinition, match="cannot be part of a primary key"):
        schema(type("Wrong", (lv.Manual,), {"definition": "a : <pair>"}))


def test_names_of_codecs_are_checked_and_kept_apart() -> None:
    with pytest.raises(lv.errors.InvalidDefinition, match="cannot be the name of a codec"):
        type("Bad", (lv.Codec,), {"name": "blob"})
    define_points()
    define_points()  # as a cell of a notebook that runs again
    other = {"name": "pair", "__module__": "elsewhere", "encode": lambda s, v: v, "decode": lambda s, v: v}
    with pytest.raises(lv.errors.InvalidDefinition, match="There is a codec <pair> already"):
        type("Pair", (lv.Codec,), other)

    class Base(lv.Codec, register=False):
        name = "base"

    assert lv.list_codecs() == ["pair", "point"]


def test_a_codec_in_a_store_says_which() -> None:
    define_graph()
    define_points()

    class Large(lv.Codec):
        name = "large"
        dtype = "<blob>"

        def encode(self, value: Any) -> Any:  # noqa: ANN401
            return value

        def decode(self, stored: Any) -> Any:  # noqa: ANN401
            return stored

    definition = "a : <large@main>\nb : <large>\nc : <large@>  # and <point> in a comment"
    assert codec_module.codecs_of(definition, []) == {
        "large@main": "<blob@main>",
        "large": "<blob>",
        "large@": "<blob@>",
        "point": "<pair>",
        "pair": "varchar(40)",
    }


def test_a_codec_keeps_its_values_in_a_store(connection: lv.Connection) -> None:
    define_graph()

    class Sealed(lv.Codec):
        name = "sealed"

        def get_dtype(self, is_store: bool) -> str:
            return "<blob@>" if is_store else "<blob>"

        def encode(self, value: Any) -> Any:  # noqa: ANN401
            return ["sealed", value]

        def decode(self, stored: Any) -> Any:  # noqa: ANN401
            return stored[1]

    @lv.Schema("net", connection=connection)
    class Net(lv.Manual):
        definition = """
        net : int32
        ---
        g : <sealed@main>
        h = null : <sealed@>
        """

    Net.insert([{"net": 1, "g": np.arange(3)}, {"net": 2, "g": "x", "h": 5}])
    assert Net().heading["g"].type == "<sealed: <blob@main>>"
    first, second = Net.to_dicts(order_by="net")
    assert (first["g"].tolist(), first["h"], second["g"], second["h"]) == ([0, 1, 2], None, "x", 5)
    Net.update1({"net": 1, "g": "y"})
    assert (Net & "net = 1").fetch1("g") == "y"


def test_a_codec_gets_the_key_and_the_store_if_it_asks(connection: lv.Connection) -> None:
    seen: list[Any] = []

    class Asking(lv.Codec):
        name = "asking"

        def get_dtype(self, is_store: bool) -> str:
            return "<blob@>" if is_store else "<blob>"

        def encode(  # type: ignore[override]  # as DataJoint declares it, with arguments that must be given
            self,
            value: Any,  # noqa: ANN401
            *,
            key: dict[str, object],
            store_name: str | None,
        ) -> Any:  # noqa: ANN401
            seen.append((value, key, store_name))
            return value

        def decode(self, stored: Any, *, key: object) -> Any:  # type: ignore[override]  # noqa: ANN401  # as above
            assert key is None
            return stored

    @lv.Schema("asked", connection=connection)
    class Asked(lv.Manual):
        definition = """
        a : int32
        b : varchar(4)
        ---
        inside = null : <asking>
        outside = null : <asking@raw>
        """

    keys = [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}, {"a": 3, "b": "z"}]
    Asked.insert([{**keys[0], "outside": "0"}, {**keys[1], "inside": "1"}])
    Asked.insert(pl.DataFrame([{**keys[2], "inside": "2", "outside": "3"}]))
    Asked.update1({**keys[0], "inside": "4"})
    assert sorted(seen) == [
        ("0", keys[0], "raw"),
        ("1", keys[1], None),
        ("2", keys[2], None),
        ("3", keys[2], "raw"),
        ("4", keys[0], None),
    ]
    assert Asked.fetch("inside", order_by="a").tolist() == ["4", "1", "2"]

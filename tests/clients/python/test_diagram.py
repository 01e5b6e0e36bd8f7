"""Diagrams show the right tables in the right form."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ElementTree
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest

import levada as lv

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def pipeline(connection: lv.Connection, lab: lv.VirtualModule) -> Sequence[type[lv.Table]]:
    """Species ← Subject ← Session ← Spikes → Method, the last in another schema."""
    schema = lv.Schema("analysis", connection=connection)

    @schema
    class Method(lv.Lookup):
        definition = """
        method : varchar(20)
        """

    context = {"Session": lab.Session, "Method": Method}

    class Spikes(lv.Computed):
        definition = """
        -> Session
        ---
        -> Method
        """

    return lab.Species, lab.Subject, lab.Session, schema(Spikes, context=context), Method


def test_a_schema_is_drawn_as_a_tree(lab: lv.VirtualModule) -> None:
    assert str(lv.Diagram(lab.schema)).splitlines() == [
        "Species             lookup",
        "└╌╌ Subject         manual",
        "    └── Session     manual",
        "        └── .Trial  part",
    ]


def test_a_table_with_several_parents_is_drawn_once(pipeline: Sequence[type[lv.Table]]) -> None:
    *_, session, spikes, method = pipeline
    drawn = str(lv.Diagram(session) + lv.Diagram(spikes) + lv.Diagram(method))
    assert drawn.count("Spikes") == 1
    assert "└── analysis.Spikes  computed; refers to analysis.Method" in drawn


def test_diagrams_widen_and_combine(pipeline: Sequence[type[lv.Table]]) -> None:
    species, subject, session, spikes, method = pipeline
    diagram = lv.Diagram(session)
    assert session in diagram
    assert subject not in diagram
    assert subject in diagram - 1
    assert species not in diagram - 1
    assert species in diagram - 2
    assert spikes in diagram + 1
    assert len(lv.Diagram(spikes) - 1) == 3
    both = lv.Diagram(session) + lv.Diagram(spikes)
    assert len(both) == 2
    assert len(both - lv.Diagram(spikes)) == 1
    assert len(both - spikes) == len(both * session) == 1
    assert method in both + method
    assert len(lv.Diagram.from_sequence([session, spikes, method])) == 3
    assert len(both * lv.Diagram(spikes)) == 1
    assert method in (both * lv.Diagram(spikes)) - 1


def test_parts_are_added_to_their_masters(lab: lv.VirtualModule) -> None:
    diagram = lv.Diagram(lab.Session, context={})
    assert lab.Session.Trial not in diagram
    assert lab.Session.Trial in diagram.add_parts()
    assert len(lv.Diagram(lab.Subject).add_parts()) == 1


def test_mermaid_tells_tiers_and_kinds_of_references(pipeline: Sequence[type[lv.Table]]) -> None:
    *_, spikes, _ = pipeline
    lines = [line.strip() for line in (lv.Diagram(spikes) - 1).make_mermaid().splitlines()]
    assert lines[0] == "flowchart TD"
    assert 'analysis__spikes["analysis.Spikes"]:::computed' in lines
    assert "lab__session --> analysis__spikes" in lines
    assert "analysis__method -.-> analysis__spikes" in lines


def test_svg_is_legible_on_any_page(lab: lv.VirtualModule) -> None:
    drawn = lv.Diagram(lab.schema).make_svg()
    assert ".levada-diagram{color:#1b1b1b;background:#fff}" in drawn
    assert "@media(prefers-color-scheme:dark)" in drawn


def test_svg_has_a_box_per_table_and_a_line_per_reference(pipeline: Sequence[type[lv.Table]]) -> None:
    *_, spikes, _ = pipeline
    diagram = lv.Diagram(spikes) - 3
    svg = ElementTree.fromstring(diagram._repr_svg_())
    boxes = {
        text.text: (float(group.find(f"{SVG}rect").get("y")), group)  # type: ignore[union-attr, arg-type]
        for group in svg.iter(f"{SVG}g")
        for text in group.iter(f"{SVG}text")
    }
    assert set(boxes) == {"lab.Species", "lab.Subject", "lab.Session", "analysis.Spikes", "analysis.Method"}
    # Parents stand above their children, and no box covers another.
    for parent, child in (("lab.Species", "lab.Subject"), ("lab.Session", "analysis.Spikes")):
        assert boxes[parent][0] < boxes[child][0]
    dashed = [path.get("stroke-dasharray") is not None for path in svg.iter(f"{SVG}path")]
    assert sorted(dashed) == [False, False, True, True]


def test_parts_stand_in_the_box_of_their_master(lab: lv.VirtualModule) -> None:
    svg = ElementTree.fromstring(lv.Diagram(lab.schema).make_svg())
    texts = [[text.text for text in group.iter(f"{SVG}text")] for group in svg.iter(f"{SVG}g")]
    assert ["Session", "Trial"] in texts


def test_boxes_of_a_row_do_not_overlap(connection: lv.Connection) -> None:
    schema = lv.Schema("wide", connection=connection)

    @schema
    class Root(lv.Manual):
        definition = "root : int32"

    for index in range(6):
        leaf = type(f"Leaf{index}", (lv.Manual,), {"definition": "-> Root"})
        schema(leaf, context={"Root": Root})
    svg = ElementTree.fromstring(lv.Diagram(schema).make_svg())
    rectangles = [
        {name: float(rect.get(name, "nan")) for name in ("x", "y", "width", "height")}
        for rect in svg.iter(f"{SVG}rect")
    ]
    lowest = max(rectangle["y"] for rectangle in rectangles)
    row = sorted((r for r in rectangles if r["y"] == lowest), key=lambda r: r["x"])
    assert len(row) == 6
    assert all(left["x"] + left["width"] < right["x"] for left, right in pairwise(row))
    assert min(rectangle["x"] for rectangle in rectangles) >= 0


def test_a_diagram_needs_a_schema_or_a_table() -> None:
    with pytest.raises(lv.errors.InvalidRequest, match="schema"):
        lv.Diagram("lab")


def test_parents_stand_to_the_left_if_the_setting_says_so(pipeline: Sequence[type[lv.Table]]) -> None:
    *_, spikes, _ = pipeline
    diagram = lv.Diagram(spikes) - 3
    with lv.config.override(display__diagram_direction="LR"):
        assert diagram.make_mermaid().startswith("flowchart LR")
        svg = ElementTree.fromstring(diagram.make_svg())
    boxes = {
        text.text: {name: float(group.find(f"{SVG}rect").get(name)) for name in ("x", "y", "width", "height")}  # type: ignore[union-attr, arg-type]
        for group in svg.iter(f"{SVG}g")
        for text in group.iter(f"{SVG}text")
    }
    for parent, child in (("lab.Species", "lab.Subject"), ("lab.Session", "analysis.Spikes")):
        assert boxes[parent]["x"] + boxes[parent]["width"] < boxes[child]["x"]
    for box in boxes.values():
        assert 0 <= box["x"] <= box["x"] + box["width"] <= float(svg.get("width", "nan"))
        assert 0 <= box["y"] <= box["y"] + box["height"] <= float(svg.get("height", "nan"))


def test_diagrams_are_saved_in_the_format_of_the_name(lab: lv.VirtualModule, tmp_path: Path) -> None:
    diagram = lv.Diagram(lab.schema)
    for name, format_, start in (
        ("d.svg", None, b"<svg"),
        ("d.png", None, b"\x89PNG"),
        ("d.PNG", None, b"\x89PNG"),
        ("d.mmd", None, b"flowchart"),
        ("d.mermaid", None, b"flowchart"),
        ("d.txt", "SVG", b"<svg"),
    ):
        diagram.save(tmp_path / name, format_)
        assert (tmp_path / name).read_bytes().startswith(start), name
    for name in ("d.pdf", "d"):
        with pytest.raises(lv.errors.InvalidRequest, match="'svg', 'png' or 'mermaid'"):
            diagram.save(str(tmp_path / name))
    assert diagram.svg_string() == diagram.make_svg()


def test_a_png_has_the_colours_and_the_size_of_the_drawing(lab: lv.VirtualModule) -> None:
    diagram = lv.Diagram(lab.schema)
    image = diagram.make_image()
    svg = ElementTree.fromstring(diagram.make_svg())
    expected = [2 * float(svg.get(side, "nan")) for side in ("height", "width")]
    assert np.abs(np.subtract(image.shape[:2], expected)).max() <= 2
    green = (
        np.abs(image[..., :3] - np.array([0x27, 0xAE, 0x60]) / 255).max(axis=2) < 0.02
    )  # the frames of manual tables
    assert green.sum() > 100


def test_a_png_needs_matplotlib(lab: lv.VirtualModule, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(lv.errors.Unsupported, match="pip install matplotlib"):
        lv.Diagram(lab.schema).make_png()


def test_a_diagram_is_shown_by_pyplot(lab: lv.VirtualModule, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MPLBACKEND", "agg")
    from matplotlib import pyplot as plt

    plt.close("all")
    lv.Diagram(lab.schema).draw()
    assert len(plt.gcf().axes[0].images) == 1
    plt.close("all")


def test_tables_are_sorted_parents_first(pipeline: Sequence[type[lv.Table]]) -> None:
    *_, spikes, _ = pipeline
    order = (lv.Diagram(spikes) - 3).topo_sort()
    assert sorted(order) == sorted(
        ["`lab`.`species`", "`lab`.`subject`", "`lab`.`session`", "`analysis`.`spikes`", "`analysis`.`method`"]
    )
    assert order.index("`lab`.`species`") < order.index("`lab`.`subject`") < order.index("`lab`.`session`")
    assert order[-1] == "`analysis`.`spikes`"


def test_a_diagram_is_restricted_along_every_way(connection: lv.Connection) -> None:
    schema = lv.Schema("ways", connection=connection)

    @schema
    class Animal(lv.Manual):
        definition = "animal : int32"

    @schema
    class Left(lv.Manual):
        definition = """
        -> Animal
        left : int32
        """

    @schema
    class Right(lv.Manual):
        definition = """
        right : int32
        ---
        -> Animal
        """

    @schema
    class Both(lv.Manual):
        definition = """
        -> Left
        -> Right
        """

    Animal.insert([(1,), (2,), (3,)])
    Left.insert([(1, 1), (2, 1)])
    Right.insert([(1, 1), (2, 2)])
    Both.insert([(1, 1, 1), (1, 1, 2), (2, 1, 2)])
    diagram = lv.Diagram(schema)
    first = diagram.restrict(Animal & {"animal": 1})
    assert first.counts() == {"`ways`.`animal`": 1, "`ways`.`left`": 1, "`ways`.`right`": 1, "`ways`.`both`": 1}
    assert first[Both].to_dicts() == [{"animal": 1, "left": 1, "right": 1}]
    assert len(diagram.restrict(Left & "left = 1")[Both]) == 3
    none = first.restrict(Right & "right = 2")
    assert none.counts()["`ways`.`both`"] == none.counts()["`ways`.`right`"] == 0
    assert none.prune().topo_sort() == ["`ways`.`animal`", "`ways`.`left`"]
    assert list(none.prune().counts()) == ["`ways`.`animal`", "`ways`.`left`"]
    assert len(diagram.prune()) == 4
    Both.delete(prompt=False)
    assert Both not in diagram.prune()
    with pytest.raises(lv.errors.InvalidRequest, match="`animal` is not among the tables to restrict"):
        lv.Diagram(Left).restrict(Animal & "animal = 1")


def test_the_tables_of_a_schema_collapse_into_one(pipeline: Sequence[type[lv.Table]], lab: lv.VirtualModule) -> None:
    species, subject, session, spikes, _ = pipeline
    whole = lv.Diagram(lab.schema)
    analysis = lv.Diagram(spikes) + lv.Diagram(lv.Schema("analysis", connection=spikes.connection))
    assert str(whole.collapse()) == "lab (4 tables)  schema"
    assert str(whole.collapse() + analysis).splitlines() == [
        "lab (4 tables)       schema",
        "└── analysis.Spikes  computed; refers to analysis.Method",
        "analysis.Method      lookup",
    ]
    both = (whole.collapse() + analysis).make_mermaid().splitlines()
    assert '    lab__["lab (4 tables)"]:::schema' in both
    assert "    lab__ --> analysis__spikes" in both
    assert "lab (4 tables)" in (whole.collapse() + analysis).make_svg()
    # A table that either expands stays expanded; one between collapsed tables stands below them.
    assert str(whole.collapse() + subject).splitlines() == ["lab (3 tables)  schema", "└╌╌ Subject     manual"]
    assert str(whole.collapse() + species).splitlines() == ["Species             lookup", "└╌╌ lab (3 tables)  schema"]
    assert str(whole.collapse() + whole) == str(whole)
    # The tables are the same, and widening draws all of them again.
    collapsed = whole.collapse()
    assert session in collapsed
    assert collapsed.topo_sort() == whole.topo_sort()
    assert "schema" not in str(collapsed + 1)
    assert str(collapsed * lv.Diagram(session)) == "lab (1 table)  schema"
    assert str(collapsed - lv.Diagram(session)) == "lab (3 tables)  schema"


def test_dot_tells_tiers_and_kinds_of_references(pipeline: Sequence[type[lv.Table]]) -> None:
    *_, spikes, _ = pipeline
    diagram = lv.Diagram(spikes) - 1
    lines = [line.strip() for line in diagram.make_dot().splitlines()]
    assert (lines[0], lines[1], lines[-1]) == ("digraph {", 'rankdir="TB"', "}")
    assert '"analysis__spikes" [label="analysis.Spikes", color="#c0392b"]' in lines
    assert '"lab__session" -> "analysis__spikes" [style="solid"]' in lines
    assert '"analysis__method" -> "analysis__spikes" [style="dashed"]' in lines
    with lv.config.override(display__diagram_direction="LR"):
        assert 'rankdir="LR"' in diagram.make_dot()

"""Diagrams show the right tables in the right form."""

from __future__ import annotations

import re
import sys
import xml.etree.ElementTree as ElementTree
import zlib
from typing import TYPE_CHECKING

import numpy as np
import pytest

import levada as lv

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SVG = "{http://www.w3.org/2000/svg}"


def boxes_in(svg: str) -> dict[str, ElementTree.Element]:
    """Find the boxes of a diagram by their label."""
    groups = ElementTree.fromstring(svg).iter(f"{SVG}g")
    return {
        str(text.text): group
        for group in groups
        if group.find(f"{SVG}title") is not None
        for text in [texts_of(group)[0]]
    }


def texts_of(group: ElementTree.Element) -> list[ElementTree.Element]:
    return list(group.iter(f"{SVG}text"))


def place(group: ElementTree.Element) -> dict[str, float]:
    rect = group.find(f"{SVG}rect")
    assert rect is not None
    return {name: float(rect.get(name, "nan")) for name in ("x", "y", "width", "height")}


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


def test_mermaid_has_a_subgraph_for_each_schema_and_tells_kinds_of_references(
    pipeline: Sequence[type[lv.Table]], lab: lv.VirtualModule
) -> None:
    *_, spikes, _ = pipeline
    lines = [line.strip() for line in (lv.Diagram(spikes) - 1).make_mermaid().splitlines()]
    assert lines[0] == "flowchart TD"
    assert lines.index('subgraph schema_analysis["analysis"]') < lines.index('analysis__spikes["Spikes"]:::computed')
    assert lines.index('subgraph schema_lab["lab"]') < lines.index('lab__session["Session"]:::manual')
    assert "lab__session ==> analysis__spikes" in lines
    assert "analysis__method -.-> analysis__spikes" in lines
    alone = lv.Diagram(lab.schema).make_mermaid()
    assert "subgraph" not in alone
    assert 'lab__session["Session<br/>Trial"]:::manual' in alone


def test_dot_has_a_cluster_for_each_schema_and_tells_kinds_of_references(
    pipeline: Sequence[type[lv.Table]],
) -> None:
    *_, spikes, _ = pipeline
    diagram = lv.Diagram(spikes) - 1
    lines = [line.strip() for line in diagram.make_dot().splitlines()]
    assert (lines[0], lines[1], lines[-1]) == ("digraph {", 'rankdir="TB"', "}")
    assert 'subgraph "cluster_analysis" {' in lines
    assert '"analysis__spikes" [label="Spikes", color="#c0392b"]' in lines
    assert '"lab__session" -> "analysis__spikes" [style="solid", penwidth="2.5"]' in lines
    assert '"analysis__method" -> "analysis__spikes" [style="dashed"]' in lines
    with lv.config.override(display__diagram_direction="LR"):
        assert 'rankdir="LR"' in diagram.make_dot()


def test_svg_has_a_box_per_table_and_a_line_per_reference(pipeline: Sequence[type[lv.Table]]) -> None:
    *_, spikes, _ = pipeline
    svg = (lv.Diagram(spikes) - 3).make_svg(legend=False)
    boxes = boxes_in(svg)
    assert len(boxes) == 5
    for parent, child in (("Species", "Subject"), ("Session", "Spikes")):
        assert place(boxes[parent])["y"] + place(boxes[parent])["height"] < place(boxes[child])["y"]
    dashed = [path.get("stroke-dasharray") is not None for path in ElementTree.fromstring(svg).iter(f"{SVG}path")]
    assert sorted(dashed) == [False, False, True, True]


def test_tables_of_several_schemas_stand_in_frames(pipeline: Sequence[type[lv.Table]], lab: lv.VirtualModule) -> None:
    *_, spikes, _ = pipeline
    svg = ElementTree.fromstring((lv.Diagram(spikes) - 3).make_svg())
    bold = [text.text for text in svg.iter(f"{SVG}text") if text.get("font-weight") == "bold"]
    assert bold == ["lab", "analysis"]
    one = ElementTree.fromstring(lv.Diagram(lab.schema).make_svg())
    assert not [text for text in one.iter(f"{SVG}text") if text.get("font-weight") == "bold"]


def test_the_attributes_of_a_table_appear_on_hover(lab: lv.VirtualModule) -> None:
    titles = [
        str(title.text) for title in ElementTree.fromstring(lv.Diagram(lab.schema)._repr_html_()).iter(f"{SVG}title")
    ]
    subject = next(title for title in titles if title.startswith("lab.Subject (manual): an animal"))
    assert "* subject_id : int32  # number on the ear tag\n" in subject
    assert "\n  weight : float64  # g" in subject
    assert any("Session.Trial\n* subject_id" in title for title in titles)


def test_svg_is_legible_on_light_and_dark_pages(lab: lv.VirtualModule) -> None:
    diagram = lv.Diagram(lab.schema)
    auto, light, dark = diagram.make_svg(), diagram.make_svg("light"), diagram.make_svg(theme="dark")
    assert "@media(prefers-color-scheme:dark)" in auto
    assert "<style>" not in light + dark
    for svg, page in ((auto, "#ffffff"), (light, "#ffffff"), (dark, "#16191d")):
        background = ElementTree.fromstring(svg).find(f"{SVG}rect")
        assert background is not None
        assert background.get("fill") == page
    with lv.config.override(display__diagram_theme="dark"):
        assert diagram.make_svg() == dark
    with pytest.raises(lv.errors.InvalidRequest, match="'auto', 'light' or 'dark', not 'blue'"):
        diagram.make_svg("blue")  # type: ignore[arg-type]  # a mistake


def test_a_legend_explains_what_is_shown(lab: lv.VirtualModule) -> None:
    diagram = lv.Diagram(lab.schema)
    assert "not in the primary key" in diagram.make_svg()
    assert ">computed<" not in diagram.make_svg()
    assert "not in the primary key" not in diagram.make_svg(legend=False)


def test_parents_stand_to_the_left_if_the_setting_says_so(pipeline: Sequence[type[lv.Table]]) -> None:
    *_, spikes, _ = pipeline
    diagram = lv.Diagram(spikes) - 3
    with lv.config.override(display__diagram_direction="LR"):
        assert diagram.make_mermaid().startswith("flowchart LR")
        svg = diagram.make_svg()
    boxes = {label: place(group) for label, group in boxes_in(svg).items()}
    for parent, child in (("Species", "Subject"), ("Session", "Spikes")):
        assert boxes[parent]["x"] + boxes[parent]["width"] < boxes[child]["x"]
    whole = ElementTree.fromstring(svg)
    for box in boxes.values():
        assert 0 <= box["x"] <= box["x"] + box["width"] <= float(whole.get("width", "nan"))
        assert 0 <= box["y"] <= box["y"] + box["height"] <= float(whole.get("height", "nan"))


def test_parts_are_in_the_box_of_their_master_or_left_out(lab: lv.VirtualModule) -> None:
    def lines(diagram: lv.Diagram) -> list[str | None]:
        return [text.text for text in texts_of(boxes_in(diagram.make_svg())["Session"])]

    whole = lv.Diagram(lab.schema)
    assert lines(whole) == lines(lv.Diagram(lab.Session).add_parts()) == ["Session", "Trial"]
    assert lines(whole.drop_parts()) == lines(lv.Diagram(lab.Session)) == ["Session"]
    assert lab.Session.Trial not in whole.drop_parts()
    assert lab.Session.Trial in lv.Diagram(lab.Session.Trial).drop_parts()


def test_a_part_that_refers_to_what_depends_on_its_master_has_its_own_box(connection: lv.Connection) -> None:
    schema = lv.Schema("circles", connection=connection)

    @schema
    class Session(lv.Manual):
        definition = "session : int32"

    @schema
    class Cell(lv.Manual):
        definition = """
        -> Session
        cell : int32
        """

    class Chosen(lv.Part):
        definition = """
        -> master
        -> Cell
        """

    Session.Chosen = Chosen  # type: ignore[attr-defined]
    schema(Session, context={"Session": Session, "Cell": Cell})
    assert str(lv.Diagram(schema)).splitlines() == [
        "Session             manual",
        "├── Cell            manual",
        "└── Session.Chosen  part; also from Cell",
    ]
    assert set(boxes_in(lv.Diagram(schema).make_svg())) == {"Session", "Cell", "Session.Chosen"}


def test_diagrams_are_built_from_several_things_and_from_names(
    pipeline: Sequence[type[lv.Table]], lab: lv.VirtualModule, server_address: str
) -> None:
    _, subject, session, spikes, _ = pipeline
    assert len(lv.Diagram(session, spikes)) == 2
    assert len(lv.Diagram(lab.schema, spikes)) == 5
    assert len(lv.Diagram(session, {"Session": session})) == 1
    with lv.connect(server_address):
        assert len(lv.Diagram("lab")) == 4
        assert subject in lv.Diagram("lab.Subject", "analysis")
        with pytest.raises(lv.errors.UnknownSchema, match="no schema `labs`"):
            lv.Diagram("labs")
    with pytest.raises(lv.errors.InvalidRequest, match="not 5"):
        lv.Diagram(5)


def test_a_path_has_all_tables_between_two(pipeline: Sequence[type[lv.Table]]) -> None:
    species, subject, session, spikes, method = pipeline
    for ends in ((subject, spikes), (spikes, subject)):
        assert lv.Diagram.path(*ends).topo_sort() == ["`lab`.`subject`", "`lab`.`session`", "`analysis`.`spikes`"]
    assert len(lv.Diagram.path(session, session)) == 1
    with pytest.raises(lv.errors.InvalidRequest, match=r"no path between `lab`\.`species` and `analysis`\.`method`"):
        lv.Diagram.path(species, method)


def test_any_diagram_counts_rows_and_jobs(pipeline: Sequence[type[lv.Table]]) -> None:
    _, _, session, spikes, method = pipeline
    diagram = lv.Diagram(session, spikes, method)
    assert diagram.counts() == {"`lab`.`session`": 3, "`analysis`.`spikes`": 0, "`analysis`.`method`": 0}
    assert diagram.progress() == {
        "`analysis`.`spikes`": {
            **dict.fromkeys(("pending", "reserved", "success", "error", "ignored", "stale"), 0),
            "total": 3,
            "remaining": 3,
        }
    }
    shown = diagram.with_counts()
    assert "lab.Session          manual; 3 rows" in str(shown)
    assert "0 of 3" in str(shown)
    assert ">3 rows<" in shown.make_svg()
    assert ">0 of 3<" in shown.make_svg()
    assert " rows<" not in diagram.make_svg()


def test_a_trace_shows_its_rows(lab: lv.VirtualModule) -> None:
    trace = lv.Diagram.trace(lab.Session & "subject_id = 1")
    assert ">2 rows<" in trace.make_svg()
    assert "Subject      manual; 1 row" in str(trace)
    assert ">4 rows<" in lv.Diagram.cascade(lab.Session.Trial & "subject_id = 1").make_svg()


def test_chosen_schemas_collapse_and_expand(pipeline: Sequence[type[lv.Table]]) -> None:
    *_, spikes, _ = pipeline
    diagram = lv.Diagram(spikes) - 3
    assert set(boxes_in(diagram.collapse("lab").make_svg())) == {"lab (3 tables)", "analysis.Spikes", "analysis.Method"}
    assert str(diagram.collapse().expand("analysis")) == str(diagram.collapse("lab"))
    assert str(diagram.collapse().expand()) == str(diagram)
    assert ">3 rows<" in (lv.Diagram(spikes) + lv.Diagram(pipeline[2]).with_counts()).make_svg()
    with pytest.raises(lv.errors.InvalidRequest, match="no schema `labs`; it has analysis, lab"):
        diagram.collapse("labs")


def test_diagrams_are_saved_in_the_format_of_the_name(lab: lv.VirtualModule, tmp_path: Path) -> None:
    diagram = lv.Diagram(lab.schema)
    for name, format_, start in (
        ("d.svg", None, b"<svg"),
        ("d.png", None, b"\x89PNG"),
        ("d.PNG", None, b"\x89PNG"),
        ("d.pdf", None, b"%PDF-1.4"),
        ("d.mmd", None, b"flowchart"),
        ("d.mermaid", None, b"flowchart"),
        ("d.md", None, b"```mermaid\nflowchart"),
        ("d.dot", None, b"digraph"),
        ("d.txt", None, b"Species "),
        ("d.txt", "SVG", b"<svg"),
    ):
        diagram.save(tmp_path / name, format_)
        assert (tmp_path / name).read_bytes().startswith(start), name
    diagram.save(tmp_path / "dark.svg", theme="dark")
    assert (tmp_path / "dark.svg").read_text() == diagram.make_svg("dark")
    for name in ("d.jpg", "d"):
        with pytest.raises(lv.errors.InvalidRequest, match="one of 'svg', 'png', 'pdf', "):
            diagram.save(str(tmp_path / name))
    assert diagram.svg_string() == diagram.make_svg()


def test_a_pdf_has_its_texts_and_a_table_of_its_objects(lab: lv.VirtualModule) -> None:
    content = lv.Diagram(lab.schema).make_pdf()
    start = int(re.findall(rb"startxref\n(\d+)", content)[0])
    assert content[start:].startswith(b"xref\n0 7\n")
    for number, place in enumerate(re.findall(rb"(\d{10}) 00000 n", content), start=1):
        assert content[int(place) :].startswith(b"%d 0 obj\n" % number)
    size = re.search(rb"/Length (\d+)", content)
    assert size is not None
    stream = content.index(b"stream\n") + len(b"stream\n")
    drawn = zlib.decompress(content[stream : stream + int(size[1])])
    for text in (b"(Species) Tj", b"(Session) Tj", b"(Trial) Tj"):
        assert text in drawn


def test_a_png_has_the_colours_and_the_size_of_the_drawing(lab: lv.VirtualModule) -> None:
    diagram = lv.Diagram(lab.schema)
    image = diagram.make_image()
    svg = ElementTree.fromstring(diagram.make_svg())
    expected = [2 * float(svg.get(side, "nan")) for side in ("height", "width")]
    assert np.abs(np.subtract(image.shape[:2], expected)).max() <= 2
    green = np.array([0x27, 0xAE, 0x60]) / 255  # the frames of manual tables
    assert (np.abs(image[..., :3] - green).max(axis=2) < 0.02).sum() > 100
    dark = np.array([0x1F, 0x23, 0x28]) / 255  # letters
    assert (np.abs(image[..., :3] - dark).max(axis=2) < 0.02).sum() > 100


def test_a_png_needs_another_package(lab: lv.VirtualModule, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(lv.errors.Unsupported, match=r"pip install .*png"):
        lv.Diagram(lab.schema).make_png()

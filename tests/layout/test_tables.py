"""Tables become boxes: parts in those of their masters, collapsed schemas as one."""

from __future__ import annotations

from dataclasses import replace

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from levada_server.layout.letters import text_width
from levada_server.layout.shapes import Strength
from levada_server.layout.tables import LABEL_SIZE, LEGIBLE, PART_SIZE, Graph, graph_of
from levada_server.model.table import ForeignKey, Table, TableName, Tier
from tests.support.graphs import laboratory, random_pipeline


def test_parts_are_listed_in_the_box_of_their_master() -> None:
    graph = graph_of(laboratory(60))
    box = graph.boxes["ephys.Waveform"]
    assert box.parts == ["PeakWaveform", "Waveform"]
    assert [name.table for name in box.tables] == ["Waveform", "Waveform.PeakWaveform", "Waveform.Waveform"]
    lone = graph_of([table for table in laboratory(60) if table.name.table == "Waveform.PeakWaveform"])
    assert [box.label for box in lone.boxes.values()] == ["Waveform.PeakWaveform"]


def test_lines_tell_how_a_child_refers_to_its_parent() -> None:
    edges = graph_of(laboratory(60)).edges
    assert edges["ephys.Task", "ephys.Clustering"] is Strength.EXTENDS
    assert edges["ephys.Recording", "ephys.Task"] is Strength.PRIMARY
    assert edges["probe.Config", "ephys.Recording"] is Strength.SECONDARY


def test_tables_that_count_something_new_are_marked() -> None:
    boxes = graph_of(laboratory(60)).boxes
    assert boxes["ephys.Insertion"].own_key
    assert not boxes["ephys.Recording"].own_key
    assert not boxes["ephys.Task"].own_key


def test_large_diagrams_collapse_by_themselves() -> None:
    tables = random_pipeline(300)
    graph = graph_of(tables)
    assert [box.label for box in graph.boxes.values()] == [f"s{number:02} (25 tables)" for number in range(12)]
    assert graph.collapsed == tuple(f"s{number:02}" for number in range(12))
    some = graph_of(tables, expanded=["s03"])
    assert len(some.boxes) == 11 + 25
    assert "s03" not in some.collapsed
    assert len(graph_of(tables, expanded=None).boxes) == 300


def test_small_diagrams_and_single_schemas_do_not_collapse() -> None:
    assert len(graph_of(laboratory(60)).boxes) == 60
    one_schema = [
        replace(t, name=TableName("lab", f"Table{i}"), foreign_keys=()) for i, t in enumerate(random_pipeline(300))
    ]
    assert len(one_schema) > LEGIBLE
    assert len(graph_of(one_schema).boxes) == 300


def test_frames_are_for_schemas_with_several_tables() -> None:
    assert set(graph_of(laboratory(60)).titles()) == {
        "lab", "subject", "session", "probe", "ephys", "imaging", "event", "analysis",
    }  # fmt: skip
    assert not graph_of(laboratory(8)).titles()
    assert not graph_of(random_pipeline(25)).titles()


@pytest.mark.parametrize("framed", [False, True])
def test_texts_fit_into_their_boxes(framed: bool) -> None:
    graph = graph_of(laboratory(60))
    for name, size in graph.sizes(status=False, framed=framed).items():
        box = graph.boxes[name]
        label = box.label if framed else graph.full_label(box)
        assert text_width(label, LABEL_SIZE) + 20 <= size.width
        assert all(text_width(part, PART_SIZE) + 20 <= size.width for part in box.parts)


@st.composite
def pipelines(draw: st.DrawFn) -> list[Table]:
    """Tables and parts of three schemas that refer to tables before them, of their own schema or an earlier one."""
    model = laboratory(8)[0]
    names: list[TableName] = []
    tables = []
    for index in range(draw(st.integers(1, 16))):
        masters = [name for name in names if name.table.count(".") < 2]
        master = draw(st.none() | st.sampled_from(masters)) if masters else None
        if master is None:
            name = TableName(draw(st.sampled_from("abc")), f"Table{index}")
        else:
            name = TableName(master.schema, f"{master.table}.Part{index}")
        before = [other for other in names if other.schema <= name.schema]
        parents = draw(st.lists(st.sampled_from(before), max_size=3, unique=True)) if before else []
        keys = tuple(ForeignKey(parent, (("x", "x"),), draw(st.booleans())) for parent in parents)
        tier = Tier.PART if master is not None else Tier.MANUAL
        tables.append(replace(model, name=name, foreign_keys=keys, tier=tier))
        names.append(name)
    return tables


@given(pipelines(), st.data())
def test_boxes_hold_each_table_once_and_form_no_circle(tables: list[Table], data: st.DataObject) -> None:
    names = [table.name for table in tables]
    collapsed = data.draw(st.lists(st.sampled_from(names), unique=True))
    graph: Graph = graph_of(tables, collapsed=collapsed)
    assert sorted(str(name) for box in graph.boxes.values() for name in box.tables) == sorted(map(str, names))
    lines = nx.DiGraph(list(graph.edges))
    assert nx.is_directed_acyclic_graph(lines)
    places = {name: index for index, name in enumerate(graph.boxes)}
    assert all(places[parent] < places[child] for parent, child in graph.edges)
    home = {name: box.name for box in graph.boxes.values() for name in box.tables}
    for table in tables:
        for key in table.foreign_keys:
            edge = (home[key.parent], home[table.name])
            # Only a line back to collapsed tables of the same schema may be missing.
            assert edge[0] == edge[1] or edge in graph.edges or graph.boxes[edge[1]].table is None

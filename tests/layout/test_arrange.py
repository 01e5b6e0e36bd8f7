"""Pictures of graphs can be read: no box covers another, no line runs through a box, few lines cross."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import combinations, pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levada_server.errors import LimitReached
from levada_server.layout.arrange import MAX_BOXES, arrange
from levada_server.layout.layered import MAX_POINTS
from levada_server.layout.letters import text_width
from levada_server.layout.shapes import Box, Picture, Rectangle, Strength
from tests.support.graphs import laboratory, random_pipeline
from tests.support.pictures import count_crossings, inside, picture_of, points_of

if TYPE_CHECKING:
    from levada_server.layout.shapes import Edge
    from levada_server.model.table import Table

_SIDE = st.floats(10, 200)


@st.composite
def graphs(draw: st.DrawFn) -> tuple[dict[str, Box], dict[Edge, Strength]]:
    """Boxes of any size in a few groups, which depend on each other in one direction only, as schemas do."""
    count = draw(st.integers(1, 14))
    groups = sorted(draw(st.lists(st.sampled_from("abcd"), min_size=count, max_size=count)))
    boxes = {f"{index:02}": Box(draw(_SIDE), draw(_SIDE), group) for index, group in enumerate(groups)}
    pairs = list(combinations(boxes, 2))
    chosen = draw(st.lists(st.sampled_from(pairs), max_size=24, unique=True)) if pairs else []
    return boxes, {edge: draw(st.sampled_from(Strength)) for edge in chosen}


def check(picture: Picture, edges: dict[Edge, Strength], *, sideways: bool) -> None:
    whole = Rectangle(0, 0, picture.width, picture.height)
    for name, place in (*picture.boxes.items(), *picture.frames.items()):
        assert place.x >= -0.01, name
        assert place.y >= -0.01, name
        assert place.right <= whole.right + 0.01, name
        assert place.bottom <= whole.bottom + 0.01, name
    for places in (picture.boxes, picture.frames):
        for (one, first), (other, second) in combinations(places.items(), 2):
            apart = (
                first.right <= second.x + 0.01
                or second.right <= first.x + 0.01
                or first.bottom <= second.y + 0.01
                or second.bottom <= first.y + 0.01
            )
            assert apart, f"{one} covers {other}"
    assert picture.routes.keys() == edges.keys()
    for edge, stops in picture.routes.items():
        points = points_of(stops, sideways=sideways)
        for name, place in picture.boxes.items():
            assert not any(inside(point, place) for point in points), f"{edge} runs through {name}"
        parent, child = (picture.boxes[name] for name in edge)
        (x, y), (last_x, last_y) = points[0], points[-1]
        if sideways:
            assert parent.right == pytest.approx(x)
            assert child.x == pytest.approx(last_x)
            assert parent.y <= y <= parent.bottom
            assert child.y <= last_y <= child.bottom
        else:
            assert parent.bottom == pytest.approx(y)
            assert child.y == pytest.approx(last_y)
            assert parent.x <= x <= parent.right
            assert child.x <= last_x <= child.right


@given(graphs(), st.booleans())
def test_no_line_runs_through_a_box(graph: tuple[dict[str, Box], dict[Edge, Strength]], sideways: bool) -> None:
    boxes, edges = graph
    check(arrange(boxes, edges, sideways=sideways), edges, sideways=sideways)


@given(graphs(), st.booleans())
def test_frames_hold_their_boxes_and_no_others(
    graph: tuple[dict[str, Box], dict[Edge, Strength]], sideways: bool
) -> None:
    boxes, edges = graph
    titles = {box.group: 40.0 for box in boxes.values()}
    picture = arrange(boxes, edges, in_frames=boxes, titles=titles, sideways=sideways)
    check(picture, edges, sideways=sideways)
    for group, frame in picture.frames.items():
        for name, place in picture.boxes.items():
            middle = (place.x + place.width / 2, place.y + place.height / 2)
            assert inside(middle, frame) == (boxes[name].group == group), name
    for (parent, child), stops in picture.routes.items():
        for group, frame in picture.frames.items():
            if group not in (boxes[parent].group, boxes[child].group):
                assert not any(inside(point, frame) for point in points_of(stops, sideways=sideways))


@given(graphs())
def test_frames_hold_their_boxes_if_some_have_none(graph: tuple[dict[str, Box], dict[Edge, Strength]]) -> None:
    boxes, edges = graph
    some = {n: Box(box.width, box.height, "" if box.group == "b" else box.group) for n, box in boxes.items()}
    titles = {box.group: 40.0 for box in some.values() if box.group}
    check(arrange(boxes, edges, in_frames=some, titles=titles), edges, sideways=False)


@pytest.mark.parametrize(
    ("tables", "expanded", "frames", "crossings", "width"),
    [
        (laboratory(8), (), 0, 0, 400),
        (laboratory(44), (), 6, 0, 850),
        (laboratory(60), (), 8, 6, 1300),
        (random_pipeline(300), (), 0, 20, 400),
        (random_pipeline(300), None, 0, 760, 3600),
    ],
    ids=["8", "44", "60", "300 collapsed", "300"],
)
def test_few_lines_cross(
    tables: list[Table], expanded: tuple[str, ...] | None, frames: int, crossings: int, width: float
) -> None:
    picture = picture_of(tables, expanded=expanded)
    assert len(picture.frames) == frames
    assert picture.crossing_count <= crossings
    assert count_crossings([points_of(stops) for stops in picture.routes.values()]) <= 1.1 * crossings
    assert picture.width <= width


@pytest.mark.parametrize("sideways", [False, True])
def test_pictures_of_a_laboratory_can_be_read(sideways: bool) -> None:
    tables = laboratory(60)
    picture = picture_of(tables, sideways=sideways, status=True)
    check(picture, dict.fromkeys(picture.routes, Strength.PRIMARY), sideways=sideways)


def test_lookups_stand_beside_their_users() -> None:
    picture = picture_of(laboratory(60))
    for lookup, user in (("ephys.LfpConfig", "ephys.Lfp"), ("imaging.ActivityMethod", "imaging.Activity")):
        assert 0 < picture.boxes[user].y - picture.boxes[lookup].bottom < 80


def test_boxes_without_lines_are_packed() -> None:
    boxes = {f"{index:02}": Box(100, 28) for index in range(30)}
    picture = arrange(boxes, {})
    check(picture, {}, sideways=False)
    assert picture.width < 800
    assert picture.height < 800


def test_an_empty_picture_has_nothing() -> None:
    assert arrange({}, {}) == Picture()


def test_frames_that_would_worsen_the_picture_are_left_out() -> None:
    names = [f"{index:02}" for index in range(24)]
    # Each box depends on three others of all groups: the frames would be tangled.
    boxes = {name: Box(80, 28, "abc"[index * 3 // 24]) for index, name in enumerate(names)}
    edges = {
        (names[index * step % 8], names[8 + (index * step * 5 + step) % 16]): Strength.PRIMARY
        for index in range(24)
        for step in (1, 3)
    }
    titles = dict.fromkeys("abc", 20.0)
    flat = arrange(boxes, edges)
    chosen = arrange(boxes, edges, in_frames=boxes, titles=titles)
    assert chosen.crossing_count <= 1.5 * flat.crossing_count + 3


def test_too_many_boxes_are_refused() -> None:
    boxes = {str(index): Box(10, 10) for index in range(MAX_BOXES + 1)}
    with pytest.raises(LimitReached, match=f"at most {MAX_BOXES} boxes, and this one would have {MAX_BOXES + 1}"):
        arrange(boxes, {})


def test_a_picture_does_not_depend_on_the_process() -> None:
    program = (
        "from tests.support.graphs import laboratory, random_pipeline\n"
        "from tests.support.pictures import picture_of\n"
        "print(picture_of(laboratory(60)), picture_of(random_pipeline(60)))"
    )
    first, second = (
        subprocess.run(
            [sys.executable, "-c", program], env=environment(seed), check=True, capture_output=True, text=True
        ).stdout
        for seed in ("1", "2")
    )
    assert first == second
    assert len(first) > 1000


def environment(seed: str) -> dict[str, Any]:

    return {**os.environ, "PYTHONHASHSEED": seed}


def test_widths_of_texts_are_no_less_than_those_of_common_fonts() -> None:
    # Helvetica's widths of the same letters, from Adobe's metrics.
    helvetica = {"Session": 3.668, "MotionCorrection": 7.502, "illi": 0.888, "WWW": 2.832}
    for text, width in helvetica.items():
        assert text_width(text, 1.0) >= width
    assert text_width("脳", 13) == 13


def test_lines_that_pass_too_many_boxes_are_refused() -> None:
    boxes = {f"{index:03}": Box(50, 20) for index in range(200)}
    edges = dict.fromkeys(pairwise(boxes), Strength.PRIMARY)
    names = list(boxes)
    edges |= dict.fromkeys(zip(names[:100], names[100:], strict=True), Strength.SECONDARY)
    with pytest.raises(LimitReached, match=f"more than {MAX_POINTS} places; collapse its schemas"):
        arrange(boxes, edges)

"""The pipeline in a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playwright.sync_api import Page, expect

import levada as lv
from tests.support.browser import needs_chromium

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = needs_chromium


def test_each_table_stands_in_the_graph_with_how_far_it_is(page: Page) -> None:
    graph = page.get_by_role("region", name="Graph of tables")
    expect(graph.get_by_role("link", name="lab.Subject, manual")).to_contain_text("120 rows")
    expect(graph.get_by_role("link", name="lab.Trace, computed")).to_contain_text("2 of 3, 1 error")
    expect(graph.get_by_role("link", name="lab.Session, manual")).to_contain_text("Trial")


def test_a_table_that_takes_long_to_count_has_many_rows(hurried_page: Page) -> None:
    page = hurried_page
    page.reload()
    expect(page.get_by_role("link", name="lab.Subject, manual")).to_contain_text("many rows")


def test_a_table_in_the_graph_opens(page: Page) -> None:
    page.get_by_role("link", name="lab.Quality").click()
    expect(page.get_by_role("heading", name="lab.Quality")).to_be_visible()


def test_progress_moves_while_one_looks(own_page: Page, own_lab: Mapping[str, Any]) -> None:
    page, lab = own_page, own_lab
    expect(page.get_by_role("link", name="lab.Quality")).to_contain_text("2 of 2")
    lab["Quality"].delete(safemode=False)
    expect(page.get_by_role("link", name="lab.Quality")).to_contain_text("0 of 2")
    lab["Quality"].populate()
    expect(page.get_by_role("link", name="lab.Quality")).to_contain_text("2 of 2")


def test_stale_results_are_counted(own_page: Page, connection: lv.Connection) -> None:
    page = own_page
    schema = lv.Schema("fresh", connection=connection)

    @schema
    class Source(lv.Manual):
        definition = "source : int32\n---\nx : float64"

    @schema
    class Doubled(lv.Computed):
        definition = "-> Source\n---\ny : float64"

        def make(self, key: dict[str, Any]) -> None:
            self.insert1({**key, "y": 2 * (Source & key).fetch1("x")})

    Source.insert([{"source": n, "x": 1.0} for n in range(3)])
    Doubled.populate()
    Source.update1({"source": 1, "x": 5.0})
    page.reload()
    expect(page.get_by_role("link", name="fresh.Doubled")).to_contain_text("3 of 3, 1 stale")


def test_the_page_has_one_stream_which_ends_when_its_view_is_left(page: Page) -> None:
    expect(page.get_by_role("link", name="lab.Quality")).to_contain_text("2 of 2")
    with page.expect_event("requestfailed", lambda request: "WatchProgress" in request.url):
        page.get_by_role("link", name="Tables", exact=True).click()


def test_the_stream_is_closed_while_the_tab_is_hidden(own_page: Page, own_lab: Mapping[str, Any]) -> None:
    page, lab = own_page, own_lab
    expect(page.get_by_role("link", name="lab.Quality")).to_contain_text("2 of 2")
    turn = "hidden => { Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });" + (
        " document.dispatchEvent(new Event('visibilitychange')) }"
    )
    with page.expect_event("requestfailed", lambda request: "WatchProgress" in request.url):
        page.evaluate(turn, True)
    lab["Quality"].delete(safemode=False)
    with page.expect_request(lambda request: "WatchProgress" in request.url):
        page.evaluate(turn, False)
    expect(page.get_by_role("link", name="lab.Quality")).to_contain_text("0 of 2")


def test_a_path_between_two_tables_leaves_out_the_others(page: Page) -> None:
    page.get_by_label("Path from").fill("lab.Quality")
    page.get_by_label("to", exact=True).fill("lab.Species")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.get_by_role("button", name="Show all tables")).to_be_visible()
    boxes = page.get_by_role("region", name="Graph of tables").get_by_role("link")
    expect(boxes).to_have_count(5)
    page.get_by_label("Path from").fill("lab.Session.Trial")
    page.get_by_label("to", exact=True).fill("lab.Quality")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.get_by_text("There is no path between")).to_be_visible()


def test_arrow_keys_lead_from_table_to_table(page: Page) -> None:
    page.get_by_role("link", name="lab.Species").focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("link", name="lab.Subject")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="lab.Subject")).to_be_visible()


def test_a_schema_becomes_one_box_and_opens_again(own_page: Page, connection: lv.Connection) -> None:
    page = own_page
    other = lv.Schema("analysis", connection=connection)

    @other
    class Note(lv.Manual):
        definition = """
        -> lab.Subject
        """

    page.reload()
    page.get_by_role("button", name="Collapse schema lab").click()
    box = page.get_by_role("button", name="schema lab, 6 tables")
    expect(box).to_be_visible()
    box.click()
    expect(page.get_by_role("link", name="lab.Subject")).to_be_visible()


def test_schemas_are_chosen_by_name(own_page: Page, connection: lv.Connection) -> None:
    page = own_page
    for number in range(10):
        lv.Schema(f"other{number}", connection=connection)
    page.reload()
    page.get_by_text("All 11 schemas").click()
    page.get_by_label("Find a schema").fill("nothing")
    expect(page.get_by_text("No schema has this in its name.")).to_be_visible()
    page.get_by_label("Find a schema").fill("lab")
    page.get_by_role("button", name="Only these").click()
    expect(page.get_by_text("1 of 11 schemas")).to_be_visible()
    expect(page.get_by_role("link", name="lab.Subject")).to_be_visible()

"""A table in a browser: its rows, what is known of each, and files out of it."""

from __future__ import annotations

import csv
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Page, expect

import levada as lv
from levada_server.query.expression.functions import FUNCTIONS
from tests.dashboard.conftest import dashboard, show
from tests.support.browser import needs_chromium
from tests.support.dashboard_lab import PNG, SUBJECTS, declare

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Download, Locator

pytestmark = needs_chromium
KEY = {"subject_id": "1", "session_date": "2026-07-01"}


def open_row(page: Page, table: str, key: dict[str, str] = KEY) -> None:
    """Open a row by its link."""
    show(page, f"#/table/lab/{table}?row={quote(json.dumps(key))}")
    expect(page.get_by_role("dialog")).to_be_visible()


def cell(page: Page, row: int, column: int) -> Locator:
    """Find a cell of the rows, counted from 0."""
    return page.get_by_role("region", name="Rows of").locator("tbody tr").nth(row).locator("td").nth(column)


def test_a_table_is_found_by_its_name(page: Page) -> None:
    page.get_by_role("link", name="Tables", exact=True).click()
    page.get_by_label("Find a table").fill("qual")
    expect(page.get_by_role("link", name="Trace")).to_be_hidden()
    page.get_by_role("link", name="Quality").click()
    expect(cell(page, 0, 2)).to_have_text("2")


def test_rows_come_in_pages(page: Page) -> None:
    show(page, "#/table/lab/Subject")
    expect(page.get_by_text(f"1–50 of {SUBJECTS}")).to_be_visible()
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_text(f"101–120 of {SUBJECTS}")).to_be_visible()
    expect(cell(page, 0, 0)).to_have_text("101")
    expect(page.get_by_role("button", name="Next")).to_be_disabled()
    page.reload()
    expect(page.get_by_text(f"101–120 of {SUBJECTS}")).to_be_visible()
    page.go_back()
    expect(page.get_by_text(f"51–100 of {SUBJECTS}")).to_be_visible()
    page.get_by_role("button", name="Previous").click()
    expect(page.get_by_text(f"1–50 of {SUBJECTS}")).to_be_visible()
    expect(page.get_by_role("button", name="Previous")).to_be_disabled()


def test_a_count_that_takes_long_is_made_on_request(hurried_page: Page) -> None:
    show(hurried_page, "#/table/lab/Subject", "1–50 of many")
    hurried_page.get_by_role("button", name="Count all").click()
    expect(hurried_page.get_by_text(f"1–50 of {SUBJECTS}")).to_be_visible()


@pytest.mark.parametrize("order", ["weight", "weight DESC", "sex", "sex DESC", "born DESC", "notes DESC"])
def test_pages_in_any_order_have_each_row_once(page: Page, server_address: str, order: str) -> None:
    """Values repeat and are missing, so that a page begins among rows that are alike but for their keys."""
    with lv.Connection(server_address) as connection:
        expected = declare(connection)["Subject"].to_arrays("subject_id", order_by=[order, "subject_id"])
    pages: list[list[int]] = []
    show(page, f"#/table/lab/Subject?order={quote(order)}")
    keys = page.get_by_role("region", name="Rows of").locator("tbody td:first-child")
    for shown in ("1–50 of", "51–100 of", "101–120 of"):
        if pages:
            page.get_by_role("button", name="Next").click()
        expect(page.get_by_text(shown)).to_be_visible()
        pages.append([int(key) for key in keys.all_text_contents()])
    assert [key for one in pages for key in one] == list(expected)
    for before in (pages[1], pages[0]):
        page.get_by_role("button", name="Previous").click()
        expect(keys.first).to_have_text(str(before[0]))
        expect(keys).to_have_text([str(key) for key in before])


def test_a_filter_is_completed_as_it_is_typed(page: Page) -> None:
    show(page, "#/table/lab/Subject")
    field = page.get_by_role("combobox", name="Filter")
    field.press_sequentially("wei")
    expect(page.get_by_role("option", name="weight")).to_be_visible()
    field.press("ArrowDown")
    field.press("Enter")
    expect(field).to_have_value("weight")
    field.press_sequentially(" < 2 AND sex = ")
    page.get_by_role("option", name="'F'").click()
    expect(field).to_have_value("weight < 2 AND sex = 'F'")
    field.press("Enter")
    expect(page.get_by_text("1–2 of 2")).to_be_visible()
    field.fill("roun")
    field.press("End")
    expect(page.get_by_role("option", name="round(")).to_be_visible()


def test_completion_offers_the_functions_of_the_server() -> None:
    file = Path(__file__).parents[2] / "server/dashboard/src/views/table/functions.json"
    offered = [tuple(entry) for entry in json.loads(file.read_text(encoding="utf-8"))]
    assert offered == sorted({(f.names[0], f.usage) for f in FUNCTIONS.values() if not f.aggregate})


def test_a_wrong_filter_says_what_is_wrong(page: Page) -> None:
    show(page, "#/table/lab/Subject")
    page.get_by_role("combobox", name="Filter").fill("wieght > 3")
    page.get_by_role("button", name="Filter", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("did you mean `weight`?")
    page.get_by_role("button", name="Clear").click()
    expect(page.get_by_role("alert")).to_be_hidden()


def test_rows_are_sorted_by_an_attribute(page: Page) -> None:
    show(page, "#/table/lab/Subject")
    page.get_by_role("button", name="born").click()
    expect(page.get_by_role("columnheader", name="born")).to_have_attribute("aria-sort", "ascending")
    page.get_by_role("button", name="born").click()
    expect(cell(page, 0, 0)).to_have_text(str(SUBJECTS))
    expect(page.get_by_role("columnheader", name="born")).to_have_attribute("aria-sort", "descending")


def test_attributes_are_chosen(page: Page) -> None:
    show(page, "#/table/lab/Subject")
    page.get_by_text("Attributes", exact=True).click()
    page.get_by_label("notes").uncheck()
    expect(page.get_by_role("columnheader", name="notes")).to_be_hidden()
    expect(page.get_by_role("columnheader", name="weight")).to_be_visible()


def test_the_choice_of_attributes_closes_when_another_table_opens(page: Page) -> None:
    show(page, "#/table/lab/Subject")
    page.get_by_text("Attributes", exact=True).click()
    expect(page.get_by_label("notes")).to_be_visible()
    page.evaluate("location.hash = '#/table/lab/Session'")
    expect(page.get_by_role("columnheader", name="session")).to_be_visible()
    expect(page.get_by_text("Attributes", exact=True)).to_be_visible()
    expect(page.get_by_role("group", name="Attributes shown")).to_be_hidden()


def test_values_are_shown_as_they_are_stored(page: Page) -> None:
    show(page, "#/table/lab/Session")
    expected = ["1", "2026-07-01", "2026-07-01 09:30:00.125", "2026-07-01 10:30:00.125 GMT+1", "00:42:07"]
    for column, text in enumerate(expected):
        expect(cell(page, 0, column)).to_have_text(text)
    expect(cell(page, 0, 5)).to_have_text("00000000-0000-0000-0000-000000000001")
    expect(cell(page, 0, 8)).to_have_text(str(2**62 + 1))
    expect(cell(page, 0, 3).locator("span")).to_have_attribute(
        "title", "2026-07-01 09:30:00.125 UTC; shown in Europe/Lisbon"
    )


def test_arrays_are_drawn(page: Page) -> None:
    open_row(page, "Trace")
    page.get_by_role("button", name="Show trace").click()
    expect(page.get_by_role("img", name="Trace of 5000 numbers")).to_be_visible()
    page.get_by_role("button", name="Histogram").click()
    expect(page.get_by_role("img", name="Histogram of 5000 numbers")).to_be_visible()
    page.get_by_role("button", name="Show image").click()
    expect(page.get_by_role("img", name="Image of an array, 20 × 30")).to_be_visible()
    page.get_by_role("button", name="Show template").click()
    expect(page.get_by_text("Least 0, greatest 7, mean 3.5")).to_be_visible()


def test_a_file_is_drawn_and_downloaded(page: Page) -> None:
    open_row(page, "Session")
    pictures = page.get_by_role("img", name="Image of 2 × 2 pixels")
    expect(pictures).to_have_count(1)
    page.get_by_role("button", name="Show photo").click()
    expect(pictures).to_have_count(2)
    for button in page.get_by_role("button", name="Download").all():
        with page.expect_download() as download:
            button.click()
        assert Path(download.value.path()).read_bytes() == PNG


def test_a_row_says_how_it_was_computed(page: Page) -> None:
    open_row(page, "Trace")
    facts = page.get_by_role("dialog").locator("dl").nth(1)
    expect(facts).to_contain_text("success")
    expect(facts).to_contain_text("sha256:")


def test_a_row_leads_to_what_it_comes_from_and_to_what_depends_on_it(page: Page) -> None:
    open_row(page, "Session")
    page.get_by_text("Upstream: rows").click()
    expect(page.get_by_role("link", name="lab.Subject")).to_be_visible()
    page.get_by_text("Downstream: rows").click()
    parts = page.get_by_role("listitem").filter(has=page.get_by_role("link", name="lab.Session.Trial"))
    expect(parts).to_contain_text("4 rows")
    parts.get_by_role("link").click()
    expect(page.get_by_text("1–4 of 4")).to_be_visible()
    page.get_by_role("button", name="Show all rows").click()
    expect(page.get_by_text("1–12 of 12")).to_be_visible()


def test_the_counts_of_a_row_are_those_of_the_client(own_page: Page, own_lab: dict[str, Any]) -> None:
    page, lab = own_page, own_lab
    open_row(page, "Trace")
    page.get_by_text("Upstream: rows").click()
    found = lv.Diagram.trace(lab["Trace"] & "subject_id = 1")
    expect(page.get_by_role("link", name="lab.Species")).to_be_visible()
    for table in ("Species", "Subject", "Session"):
        entry = page.get_by_role("listitem").filter(has=page.get_by_role("link", name=f"lab.{table}"))
        expect(entry).to_contain_text(f"{len(found[lab[table]])} row")


def saved(page: Page, name: str) -> Download:
    with page.expect_download() as download:
        page.get_by_role("button", name=name).click()
    return download.value


def test_rows_are_saved_as_csv(page: Page) -> None:
    show(page, "#/table/lab/Subject?filter=subject_id<%3D60&order=subject_id%20DESC")
    download = saved(page, "CSV")
    assert download.suggested_filename == "lab.Subject.csv"
    with Path(download.path()).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["subject_id"] for row in rows] == [str(number) for number in range(60, 0, -1)]
    assert rows[-1]["weight"] == "0.25"


def test_rows_that_take_long_to_find_are_looked_for_on_request(hurried_page: Page) -> None:
    page = hurried_page
    show(page, "#/table/lab/Subject", "1–50 of many")
    show(page, "#/table/lab/Subject?filter=sex%3D'F'", "has not found these rows within 0.4 s")
    expect(page.get_by_role("region", name="Rows of Subject")).to_have_count(0)
    look = page.get_by_role("button", name="Look through all rows")
    look.click()
    expect(page.get_by_text("1–40 of 40")).to_be_visible()
    show(page, "#/table/lab/Subject?order=weight", "has not found")
    look.click()
    expect(page.get_by_text("1–50 of many")).to_be_visible()
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_text("51–100 of many")).to_be_visible()


def test_a_long_search_is_stopped(hurried_page: Page) -> None:
    page = hurried_page
    show(page, "#/table/lab/Subject?filter=sex%3D'F'", "has not found")
    page.unroute_all()
    page.route("**/FetchFewRows", lambda _: None)  # it never comes back
    page.get_by_role("button", name="Look through all rows").click()
    with page.expect_event("requestfailed", lambda request: "FetchFewRows" in request.url):
        page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("button", name="Look through all rows")).to_be_visible()


def test_a_row_tells_which_rows_its_job_read(own_page: Page, connection: lv.Connection) -> None:
    schema = lv.Schema("fresh", connection=connection)

    @schema
    class Source(lv.Manual):
        definition = "source : int32"

    @schema
    class Doubled(lv.Computed):
        definition = "-> Source\n---\ny : int32"

        def make(self, key: dict[str, Any]) -> None:
            self.insert1({**key, "y": 2 * (Source & key).fetch1("source")})

    Source.insert([{"source": 1}])
    Doubled.populate()
    own_page.reload()
    show(own_page, f"#/table/fresh/Doubled?row={quote(json.dumps({'source': '1'}))}", "How it was computed")
    dialog = own_page.get_by_role("dialog")
    expect(dialog.get_by_role("definition").filter(has_text="fresh.Source 1")).to_be_visible()
    expect(dialog.get_by_role("definition").filter(has_text="fresh.Doubled 1")).to_be_visible()


def test_rows_are_saved_as_parquet(page: Page) -> None:
    show(page, "#/table/lab/Session")
    rows = pq.read_table(Path(saved(page, "Parquet").path())).to_pylist()
    moment = datetime(2026, 7, 1, 9, 30, 0, 125_000)
    assert rows[0]["session_date"] == date(2026, 7, 1)
    assert rows[0]["started"] == moment
    assert rows[0]["begun_at"] == moment.replace(tzinfo=UTC)
    assert rows[0]["large"] == 2**62 + 1
    show(page, "#/table/lab/Subject?filter=subject_id<0")
    expect(page.get_by_text("No row meets the filter.")).to_be_visible()
    assert pq.read_table(Path(saved(page, "Parquet").path())).num_rows == 0
    show(page, "#/table/lab/Subject?filter=subject_id%3D1")
    expect(page.get_by_text("1–1 of 1")).to_be_visible()
    assert pq.read_table(Path(saved(page, "Parquet").path())).to_pylist()[0]["weight"] == Decimal("0.25")


def test_a_table_tells_its_definition_and_earlier_ones(own_page: Page, own_lab: dict[str, Any]) -> None:
    page, lab = own_page, own_lab
    lab["Quality"].definition = lab["Quality"].definition.replace("snr : float64", "snr : float64 # ratio")
    lab["Quality"].alter(prompt=False)
    show(page, "#/table/lab/Quality?tab=definition")
    expect(page.get_by_role("region", name="Attributes")).to_contain_text("ratio")
    expect(page.locator("details summary").filter(has_text="Since")).to_have_count(1)
    expect(page.get_by_role("link", name="lab.Trace")).to_be_visible()


def test_an_administrator_sees_who_changed_a_table(page: Page) -> None:
    show(page, "#/table/lab/Session?tab=changes")
    changes = page.get_by_role("region", name="Changes of lab.Session")
    expect(changes).to_contain_text("administrator")
    expect(changes).to_contain_text("Insert")


def test_a_viewer_sees_what_the_role_allows(browser: Browser, own_address: str, viewer: str) -> None:
    with dashboard(browser, own_address, viewer) as page:
        expect(page.get_by_role("link", name="lab.Subject")).to_be_visible()
        expect(page.get_by_role("link", name="lab.Session")).to_have_count(0)
        show(page, "#/table/lab/Subject?tab=changes")
        expect(page.get_by_text("for administrators")).to_be_visible()
        show(page, "#/table/lab/Session")
        expect(page.get_by_role("alert")).to_contain_text("no table `Session`")

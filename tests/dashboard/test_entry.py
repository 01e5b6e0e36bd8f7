"""Data entry in a browser: by the form and from files, changes and deletes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
from playwright.sync_api import Browser, Page, expect

import levada as lv
from tests.dashboard.conftest import dashboard, show
from tests.support.browser import needs_chromium
from tests.support.dashboard_lab import HOSTILE, SUBJECTS, add_user

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pytest

pytestmark = needs_chromium
DROP = """([text, name]) => {
    const data = new DataTransfer();
    data.items.add(new File([text], name, { type: "text/csv" }));
    const area = document.querySelector("main [aria-label='CSV file']");
    for (const kind of ["dragenter", "dragover", "drop"]) {
        area.dispatchEvent(new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
    }
}"""
"""Drops a file, as a browser tells a page of it: no program can drag one from outside of the browser."""


def test_a_row_is_entered_by_the_form_and_faults_stand_at_their_fields(
    own_page: Page, own_lab: Mapping[str, Any]
) -> None:
    page = own_page
    show(page, "#/entry/lab/Subject")
    form = page.get_by_role("form", name="New row")
    form.get_by_label("subject_id").fill("two")
    form.get_by_label("species").fill("rat")
    form.get_by_label("sex").select_option("F")
    form.get_by_label("born").fill("2026-01-31")
    form.get_by_role("button", name="Enter").press("Enter")
    expect(form.get_by_label("subject_id")).to_be_focused()
    expect(form.get_by_label("subject_id")).to_have_attribute("aria-invalid", "true")
    expect(form.get_by_text("'two' is not a valid int32")).to_be_visible()
    form.get_by_label("subject_id").fill("500")
    form.get_by_label("subject_id").press("Enter")
    expect(page.get_by_role("row", name=re.compile("500 rat F 2026-01-31"))).to_be_visible()
    stored = (own_lab["Subject"] & "subject_id = 500").fetch1()
    assert (stored["species"], stored["sex"], str(stored["born"]), stored["weight"]) == ("rat", "F", "2026-01-31", None)


def test_a_parent_is_searched_and_chosen(own_page: Page, own_lab: Mapping[str, Any]) -> None:
    page = own_page
    show(page, "#/entry/lab/Session")
    form = page.get_by_role("form", name="New row")
    form.get_by_role("button", name="Choose from lab.Subject…").press("Enter")
    page.get_by_label("Search in the key").fill("77")
    expect(page.get_by_role("dialog").get_by_role("row")).to_have_count(2)
    page.get_by_role("dialog").get_by_role("row", name="77").press("Enter")
    expect(form.get_by_label("subject_id")).to_have_value("77")
    form.get_by_label("subject_id").fill("999")
    form.get_by_label("session_date").fill("2026-07-02")
    form.get_by_label("started").fill("2026-07-02 10:00")
    form.get_by_role("button", name="Enter").click()
    expect(form.get_by_text("has no entity for subject_id=999")).to_be_visible()
    form.get_by_label("subject_id").fill("77")
    form.get_by_role("button", name="Enter").click()
    expect(page.get_by_role("row", name=re.compile("^77 2026-07-02"))).to_be_visible()
    assert len(own_lab["Session"] & "subject_id = 77") == 1


def test_the_bad_lines_of_a_dropped_csv_file_are_mended_and_skipped(own_page: Page, own_lab: Mapping[str, Any]) -> None:
    page = own_page
    quoted = HOSTILE.replace('"', '""')
    csv = (
        "subject_id,species,sex,born,notes\n501,rat,F,2026-01-01,\nthree,rat,M,2026-01-01,\n"
        f'504,rat,X,2026-01-01,"{quoted}, Dee"\n1,rat,F,2026-01-01,again\n505,rat,F\n'
    )
    show(page, "#/entry/lab/Subject", "Drop a CSV file here")
    page.evaluate(DROP, [csv, "animals.csv"])
    bad = page.get_by_role("region", name="Lines at fault")
    expect(bad.get_by_role("rowheader")).to_have_text(["3", "4", "5", "6"])
    expect(bad).to_contain_text("'three' is not a valid int32")
    expect(bad).to_contain_text("It has 3 cells; the header has 5.")
    enter = page.get_by_role("button", name=re.compile("^Enter [0-9]"))
    expect(enter).to_be_disabled()
    page.get_by_label("subject_id of line 3").fill("503")
    page.get_by_label("sex of line 4").select_option("F")
    page.get_by_label("born of line 6").fill("2026-01-02")
    page.get_by_label("Skip line 5").check()
    page.get_by_role("button", name="Check again").click()
    expect(page.get_by_text("No line is at fault any more.")).to_be_visible()
    assert len(own_lab["Subject"]()) == SUBJECTS
    enter.click()
    expect(page.get_by_role("status").filter(has_text="Entered 4 rows of animals.csv")).to_be_visible()
    assert sorted((own_lab["Subject"] & "subject_id > 500").to_arrays("subject_id")) == [501, 503, 504, 505]
    assert (own_lab["Subject"] & "subject_id = 504").fetch1("notes") == f"{HOSTILE}, Dee"


def test_a_csv_file_is_chosen_by_the_keyboard(page: Page) -> None:
    show(page, "#/entry/lab/Species")
    file = {"name": "species.csv", "mimeType": "text/csv", "buffer": b"species;comment\nferret;new\n"}
    page.get_by_label("Drop a CSV file here").set_input_files(file)  # type: ignore[arg-type]
    expect(page.get_by_text("The server accepts all lines. Nothing has been entered yet.")).to_be_visible()
    expect(page.get_by_text("are left out: comment.")).to_be_visible()
    expect(page.get_by_role("button", name="Enter 1 row")).to_be_enabled()


def test_a_row_is_changed_and_deleted_after_a_plan(own_page: Page, own_lab: Mapping[str, Any]) -> None:
    page = own_page
    show(page, "#/entry/lab/Subject?filter=subject_id%3D1")
    page.get_by_role("button", name="Edit row 1").click()
    form = page.get_by_role("form", name="Change subject_id 1")
    expect(form.get_by_label("subject_id")).to_be_disabled()
    form.get_by_label("weight").fill("2.5")
    form.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").filter(has_text="Changed weight.")).to_be_visible()
    assert float((own_lab["Subject"] & "subject_id = 1").fetch1("weight")) == 2.5
    page.get_by_role("button", name="Delete row 1").click()
    plan = page.get_by_role("dialog")
    expect(plan).to_contain_text("1 of lab.Session")
    plan.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("There is no row yet.")).to_be_visible()
    assert len(own_lab["Session"] & "subject_id = 1") == 0


def test_rows_to_change_that_take_long_to_find_are_looked_for_on_request(hurried_page: Page) -> None:
    page = hurried_page
    show(page, "#/entry/lab/Subject?filter=sex%3D'F'", "has not found these rows within 0.4 s")
    page.get_by_role("button", name="Look through all rows").click()
    expect(page.get_by_role("button", name="Edit row 20")).to_be_visible()
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("row", name=re.compile("^60 "))).to_be_visible()
    expect(page.get_by_role("button", name="Next")).to_be_disabled()
    page.get_by_role("button", name="Previous").click()
    expect(page.get_by_role("row", name=re.compile("^120 "))).to_be_visible()
    show(page, "#/entry/lab/Session")
    page.get_by_role("button", name="Choose from lab.Subject…").click()
    page.get_by_label("Search in the key").fill("77")
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("takes longer than 0.4 s")


def test_labels_with_quotes_are_chosen_and_found(own_page: Page, connection: lv.Connection) -> None:
    page = own_page
    schema = lv.Schema("sides", connection=connection)
    label = r"the rat's \ left"

    @schema
    class Side(lv.Manual):
        definition = r"""
        side : enum('the rat\'s \\ left', 'right')
        """

    show(page, "#/entry/sides/Side")
    form = page.get_by_role("form", name="New row")
    form.get_by_label("side").select_option(label)
    form.get_by_role("button", name="Enter").click()
    expect(page.get_by_role("status").filter(has_text="Entered")).to_be_visible()
    assert list(Side().to_arrays("side")) == [label]
    show(page, "#/table/sides/Side")
    field = page.get_by_role("combobox", name="Filter")
    field.press_sequentially("side = 't")
    page.get_by_role("option").first.click()
    field.press("Enter")
    expect(page.get_by_text("1–1 of 1")).to_be_visible()


def test_a_viewer_enters_and_changes_nothing(browser: Browser, own_address: str, connection: lv.Connection) -> None:
    with dashboard(browser, own_address, add_user(connection, "vera")) as page:
        show(page, "#/entry/lab/Subject")
        expect(page.get_by_text("You may not insert into lab.Subject")).to_be_visible()
        expect(page.get_by_role("form", name="New row")).to_have_count(0)
        expect(page.get_by_role("button", name=re.compile("Edit|Delete"))).to_have_count(0)


def declare_kinds(connection: lv.Connection) -> type[lv.Manual]:
    """Declare a table of the kinds of values that are not plain text."""
    schema = lv.Schema("kinds", connection=connection)

    @schema
    class Kept(lv.Manual):
        definition = """
        kept : int32
        ---
        note = null : <attach>
        protocol = null : <attach@>
        raw = null : bytes
        template = null : <array float32(2, 2)>
        trace = null : <blob>
        recording = null : <filepath@>
        object = null : <object@>
        """

    return Kept


def test_files_and_arrays_are_entered(
    own_page: Page, connection: lv.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, page = declare_kinds(connection), own_page
    large = np.random.default_rng(0).bytes(5 * 2**20)
    place = tmp_path / "protocol.bin"
    place.write_bytes(large)
    folder = connection.store_folder("main")
    assert folder is not None
    (folder / "session.dat").write_bytes(b"raw data")
    show(page, "#/entry/kinds/Kept")
    form = page.get_by_role("form", name="New row")
    expect(form.get_by_text("object (<object@>): a browser cannot write this type.")).to_be_visible()
    form.get_by_label("kept").fill("1")
    note = {"name": "naïve note.txt", "mimeType": "text/plain", "buffer": b"by hand"}
    form.get_by_label("note").set_input_files(note)  # type: ignore[arg-type]
    form.get_by_label("protocol").set_input_files(place)
    form.get_by_label("raw").set_input_files(place)
    form.get_by_label("template").fill("[[1, 2.5], [NaN]]")
    form.get_by_label("trace").fill("[[1, 2], [3, -4]]")
    form.get_by_label("recording").fill("session.dat")
    form.get_by_role("button", name="Enter").click()
    expect(form.get_by_text("This is not an array of numbers")).to_be_visible()
    expect(form.get_by_label("template")).to_be_focused()
    form.get_by_label("template").fill("[[1, 2.5], [NaN, -Infinity]]")
    form.get_by_role("button", name="Enter").click()
    expect(page.get_by_role("status").filter(has_text="Entered kept 1")).to_be_visible()
    monkeypatch.setitem(lv.config, "download_path", str(tmp_path / "fetched"))
    row = table.to_dicts()[0]
    assert (row["note"].name, row["note"].read_bytes(), row["raw"]) == ("naïve note.txt", b"by hand", large)
    assert (row["protocol"].name, row["protocol"].read_bytes()) == ("protocol.bin", large)
    assert row["recording"].read_bytes() == b"raw data"
    np.testing.assert_array_equal(row["template"], np.array([[1, 2.5], [np.nan, -np.inf]], np.float32))
    np.testing.assert_array_equal(row["trace"], np.array([[1, 2], [3, -4]]))
    page.get_by_role("button", name="Edit row 1").click()
    edited = page.get_by_role("form", name="Change kept 1")
    edited.get_by_label("trace").fill('{"gain": 2.5, "units": ["mV", null]}')
    edited.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").filter(has_text="Changed trace.")).to_be_visible()
    row = table.to_dicts()[0]
    assert row["trace"] == {"gain": 2.5, "units": ["mV", None]}
    assert row["note"].read_bytes() == b"by hand"

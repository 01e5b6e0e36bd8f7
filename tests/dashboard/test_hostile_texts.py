"""Texts of others that would run if the page took them for markup: in comments, values, errors and names of files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import quote

from playwright.sync_api import Page, expect

from tests.support.browser import needs_chromium
from tests.support.dashboard_lab import HOSTILE

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = needs_chromium


def link(table: str, **query: object) -> str:
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in query.items()}
    return f"#/table/lab/{table}?" + "&".join(f"{name}={quote(text)}" for name, text in texts.items())


KEY = {"subject_id": "2", "session_date": "2026-07-01"}
PLACES: Mapping[str, tuple[str, str]] = {
    "the comments of tables": ("#/table", "An animal <img"),
    "the comment of a table": (link("Subject"), "An animal <img"),
    "a value": (link("Subject", filter="subject_id = 2"), "<script>"),
    "the comment of an attribute": (link("Subject", tab="definition"), "<script>"),
    "a row": (link("Subject", row={"subject_id": "2"}), "<script>"),
    "a document": (link("Session", row=KEY), '"title": "<img'),
    "the name of a file": (link("Session", row=KEY), "photo.png"),
    "the key of a link": (link("Subject", row={HOSTILE: HOSTILE}), "<script>"),
    "a filter": (link("Subject", filter=HOSTILE), "Column 1"),
    "an attribute of a link": (link("Subject", order=HOSTILE, show=HOSTILE), "<img"),
    "the name of a table": (f"#/table/{quote(HOSTILE)}/{quote(HOSTILE)}", "<script>"),
    "the name of a view": (f"#/{quote(HOSTILE)}", "No such page"),
    "a path": (f"#/pipeline?from={quote(HOSTILE)}&to={quote(HOSTILE)}", "<img"),
}


def test_nothing_in_them_runs(page: Page) -> None:
    for place, (fragment, shown) in PLACES.items():
        page.evaluate("place => { location.hash = place }", fragment)
        expect(page.locator("main, dialog").filter(has_text=shown).first).to_be_visible()
        assert page.locator("main img, main script, dialog img, dialog script").count() == 0, place
        assert "run" not in page.title().split(), place


def test_an_error_of_a_job_is_text(page: Page) -> None:
    page.evaluate("place => { location.hash = place }", "#/jobs/lab/Trace")
    expect(page.get_by_role("heading").first).to_be_visible()
    assert page.locator("main img, main script").count() == 0

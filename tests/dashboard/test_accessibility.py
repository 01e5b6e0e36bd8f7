"""Each view on a laptop and a phone, light and dark: axe finds nothing, and nothing stands beside the screen."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.dashboard.conftest import LAPTOP, PHONE, dashboard
from tests.support.browser import draw, needs_chromium

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = needs_chromium
ROW = quote(json.dumps({"subject_id": "1", "session_date": "2026-07-01"}))


def graph(page: Page) -> None:
    expect(page.get_by_role("link", name="lab.Quality")).to_contain_text("2 of 2")


def path(page: Page) -> None:
    expect(page.get_by_role("link", name="lab.Species")).to_have_count(0)
    graph(page)


def many_rows(page: Page) -> None:
    page.get_by_role("combobox").press_sequentially("s")
    expect(page.get_by_role("option").first).to_be_visible()


def menu(page: Page) -> None:
    page.keyboard.press("Escape")
    page.get_by_text("Attributes", exact=True).click()


def drawn(page: Page) -> None:
    page.get_by_role("button", name="Show trace").click()
    page.get_by_role("button", name="Show image").click()
    expect(page.get_by_role("img", name="Image of an array")).to_be_visible()
    page.get_by_text("Upstream: rows").click()
    expect(page.get_by_role("link", name="lab.Species")).to_be_visible()


def shown(text: str) -> Callable[[Page], None]:
    return lambda page: expect(page.get_by_text(text).first).to_be_visible()


VIEWS: dict[str, tuple[str, Callable[[Page], None]]] = {
    "pipeline": ("#/pipeline", graph),
    "path": ("#/pipeline?from=lab.Subject&to=lab.Quality", path),
    "tables": ("#/table", shown("Kinds of animals")),
    "rows": ("#/table/lab/Session", shown("of 3")),
    "filter": ("#/table/lab/Subject", many_rows),
    "attributes": ("#/table/lab/Subject", menu),
    "wrong filter": ("#/table/lab/Subject?filter=wieght%3D3", shown("did you mean")),
    "row": (f"#/table/lab/Trace?row={ROW}", drawn),
    "file": (f"#/table/lab/Session?row={ROW}", shown("Download")),
    "definition": ("#/table/lab/Session?tab=definition", shown("Earlier definitions")),
    "changes": ("#/table/lab/Session?tab=changes", shown("administrator")),
    "no such page": ("#/nowhere", shown("No such page")),
}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("screen", ["laptop", "phone"])
def test_axe_finds_nothing_in_any_view(
    server_address: str,
    lab: dict[str, Any],  # Any: the classes of the tables
    theme: str,
    screen: str,
) -> None:
    viewport = LAPTOP if screen == "laptop" else PHONE
    with dashboard(server_address, color_scheme=theme, viewport=viewport) as page:
        for name, (place, ready) in VIEWS.items():
            page.evaluate("place => { location.hash = place }", place)
            ready(page)
            draw(page, f"{name}-{screen}-{theme}")
            found = Axe().run(page).response["violations"]
            assert [(name, one["id"], one["nodes"][0]["html"]) for one in found] == []
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_where_one_signs_in(server_address: str, theme: str) -> None:
    with dashboard(server_address, color_scheme=theme, viewport=PHONE) as page:
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("heading", name="Sign in to Levada")).to_be_visible()
        assert Axe().run(page).response["violations"] == []

"""Each view on a laptop and a phone, light and dark: axe finds nothing, and nothing stands beside the screen."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

import levada as lv
from tests.dashboard.conftest import LAPTOP, PHONE, dashboard, made_lab, show
from tests.support.browser import draw, needs_chromium
from tests.support.dashboard_lab import DAY, add_user, declare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = needs_chromium
ROW = quote(json.dumps({"subject_id": "1", "session_date": "2026-07-01"}))
FAILED = quote(json.dumps({"subject_id": "2", "session_date": "2026-07-01"}))
SUBJECT = quote(json.dumps({"subject_id": "1"}))


def graph(page: Page) -> None:
    expect(page.get_by_role("link", name="lab.Quality")).to_contain_text("2 of 2")


def path(page: Page) -> None:
    expect(page.get_by_role("link", name="lab.Species")).to_have_count(0)
    graph(page)


def completion(page: Page) -> None:
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


def plan(page: Page) -> None:
    page.get_by_role("button", name="Retry all…").click()
    expect(page.get_by_role("dialog")).to_contain_text("1 job")


def file(page: Page) -> None:
    content = b"subject_id,species,sex,born\n901,rat,F,2026-01-01\nx,rat,F,2026-01-01\n"
    given = {"name": "s.csv", "mimeType": "text/csv", "buffer": content}
    page.get_by_label("Drop a CSV file here").set_input_files(given)  # type: ignore[arg-type]
    expect(page.get_by_role("region", name="Lines at fault")).to_be_visible()


def nothing(_: Page) -> None: ...


VIEWS: dict[str, tuple[str, str, Callable[[Page], None]]] = {
    "pipeline": ("#/pipeline", "Pipeline", graph),
    "path": ("#/pipeline?from=lab.Subject&to=lab.Quality", "Pipeline", path),
    "tables": ("#/table", "Kinds of animals", nothing),
    "rows": ("#/table/lab/Session", "of 4", nothing),
    "filter": ("#/table/lab/Subject", "of 120", completion),
    "attributes": ("#/table/lab/Subject", "of 120", menu),
    "wrong filter": ("#/table/lab/Subject?filter=wieght%3D3", "did you mean", nothing),
    "row": (f"#/table/lab/Trace?row={ROW}", "sha256:", drawn),
    "file": (f"#/table/lab/Session?row={ROW}", "Download", nothing),
    "definition": ("#/table/lab/Session?tab=definition", "Earlier definitions", nothing),
    "changes": ("#/table/lab/Session?tab=changes", "administrator", nothing),
    "jobs": ("#/jobs", "%", nothing),
    "errors": ("#/jobs/lab/Trace?state=error", "ValueError", nothing),
    "job": (f"#/jobs/lab/Trace?state=error&job={FAILED}", "Traceback", nothing),
    "plan": ("#/jobs/lab/Trace?state=error", "ValueError", plan),
    "workers": ("#/workers", "1 alive", nothing),
    "entry": ("#/entry", "lab.Session", nothing),
    "form": ("#/entry/lab/Session", "New row", nothing),
    "csv": ("#/entry/lab/Subject", "New row", file),
    "edit": (f"#/entry/lab/Subject?edit={SUBJECT}", "Change subject_id 1", nothing),
    "access": ("#/access", "You are", nothing),
    "tokens": ("#/access/tokens", "New token", nothing),
    "grants": ("#/access/grants", "vera", nothing),
    "users": ("#/access/users", "vera", nothing),
    "teams": ("#/access/teams", "New team", nothing),
    "audit": ("#/access/audit", "GrantRole", nothing),
    "no such page": ("#/nowhere", "No such page", nothing),
}
"""Each view: its place, a text that it has once it is loaded, and what a reader does there."""


@pytest.fixture(scope="module")
def server_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The server of a lab with a user, and with a job that a worker holds."""
    with (
        made_lab(tmp_path_factory.mktemp("lab"), "with few spikes") as serve,
        serve() as address,
        lv.Connection(address) as connection,
    ):
        lab = declare(connection, text="with few spikes")
        add_user(connection, "vera")
        lab["Session"].insert1({"subject_id": 4, "session_date": DAY, "started": dt.datetime(2026, 7, 1, 10)})
        lab["Trace"].jobs.refresh()
        assert lab["Trace"].jobs.reserve({"subject_id": 4, "session_date": DAY})
        yield address


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("screen", ["laptop", "phone"])
def test_axe_finds_nothing_in_any_view(browser: Browser, server_address: str, theme: str, screen: str) -> None:
    viewport = LAPTOP if screen == "laptop" else PHONE
    with dashboard(browser, server_address, color_scheme=theme, viewport=viewport) as page:
        for name, (place, text, act) in VIEWS.items():
            show(page, place, text)
            act(page)
            draw(page, f"{name}-{screen}-{theme}")
            found = Axe().run(page).response["violations"]
            assert [(name, one["id"], one["nodes"][0]["html"]) for one in found] == []
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_where_a_search_takes_long(browser: Browser, server_address: str, theme: str) -> None:
    with dashboard(browser, server_address, hurried=True, color_scheme=theme, viewport=PHONE) as page:
        show(page, "#/table/lab/Subject?order=born", "has not found")
        draw(page, f"long-search-phone-{theme}")
        assert Axe().run(page).response["violations"] == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_where_one_signs_in(browser: Browser, own_address: str, theme: str) -> None:
    with dashboard(browser, own_address, color_scheme=theme, viewport=PHONE) as page:
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("heading", name="Sign in to Levada")).to_be_visible()
        draw(page, f"sign-in-phone-{theme}")
        assert Axe().run(page).response["violations"] == []

"""A lab on a real server, and its dashboard in a real browser.

The lab is made once in a process. Tests that only read share one clone of it and one browser for each file; a test that
changes something has a clone of its own: `own_lab` and `own_page`.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from playwright.sync_api import expect

import levada as lv
from levada_server.storage.objects.storage import StoreFolders
from tests.conftest import cloned, served
from tests.support.browser import TIMEOUT_S, chromium, signed_in
from tests.support.dashboard_lab import HOSTILE, add_user, compute, declare, fill

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from playwright.sync_api import Browser, Page, Route

    from levada_server.rpc.web.door import WebSettings

    class Serve(Protocol):
        """Serves a clone of the lab for the length of a block."""

        def __call__(self, web: WebSettings | None = None) -> AbstractContextManager[str]: ...


LAPTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
expect.set_options(timeout=TIMEOUT_S * 1000)


@contextmanager
def made_lab(folder: Path, text: str = HOSTILE) -> Iterator[Serve]:
    """Make a lab, and serve clones of it; two of its recordings are computed, and one has failed.

    Args:
        folder: A folder for its files.
        text: The words of people.
    """
    stores = StoreFolders({"main": folder / "store"}, "main", registrable={"main": {"*": ("",)}})
    stores.folders["main"].mkdir()
    with cloned() as made:
        with served(made, stores=stores) as address, lv.Connection(address) as connection:
            tables = declare(connection, text=text)
            fill(tables, folder, text)
            compute(tables)

        @contextmanager
        def serve(web: WebSettings | None = None) -> Iterator[str]:
            with cloned(made) as url, served(url, stores=stores, web=web) as address:
                yield address

        yield serve


@pytest.fixture(scope="session")
def serve_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Serves a clone of the lab whose texts would run if the page took them for markup."""
    with made_lab(tmp_path_factory.mktemp("lab")) as serve:
        yield serve


@pytest.fixture(scope="module")
def server_address(serve_lab: Serve) -> Iterator[str]:
    """The server of a lab that no test changes."""
    with serve_lab() as address:
        yield address


@pytest.fixture
def own_address(serve_lab: Serve) -> Iterator[str]:
    """The server of a lab for one test."""
    with serve_lab() as address:
        yield address


@pytest.fixture
def connection(own_address: str) -> Iterator[lv.Connection]:
    """A connection to the lab of this test."""
    with lv.Connection(own_address) as opened:
        yield opened


@pytest.fixture
def own_lab(connection: lv.Connection) -> dict[str, Any]:  # Any: the classes of the tables
    """The tables of the lab of this test."""
    return declare(connection)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The browser of a file of tests."""
    with chromium() as started:
        yield started


@contextmanager
def dashboard(
    browser: Browser, address: str, token: str | None = None, *, hurried: bool = False, **options: object
) -> Iterator[Page]:
    """Show the dashboard for the length of the block, and check that the page did nothing that it should not.

    Args:
        browser: The browser.
        address: The server's address, as clients use it.
        token: The token of the user; None for the administrator at the private socket.
        hurried: The server gives up at once each call that has a limit of time, as if it took long.
        options: Options of Playwright's `new_context`.
    """
    usual: dict[str, object] = {"viewport": LAPTOP, "timezone_id": "Europe/Lisbon", "locale": "en-GB"}
    with signed_in(address, token, browser, **usual | options) as (page, complaints):
        if hurried:
            page.route("**/levada_api.v1.QueryService/*", _hurry)
        else:
            # On a busy machine any search may take long; then the page counts and searches on request.
            button = page.get_by_role("button", name=re.compile("^(Count|Look through) all"))
            page.add_locator_handler(button, lambda shown: shown.click())
        yield page
        assert complaints.violations == []
        assert complaints.errors == []


def _hurry(route: Route) -> None:
    headers = route.request.headers
    route.continue_(headers=headers | {"grpc-timeout": "1n"} if "grpc-timeout" in headers else headers)


@pytest.fixture
def hurried_page(browser: Browser, server_address: str) -> Iterator[Page]:
    """The dashboard of the lab that no test changes, in which everything that may take long does."""
    with dashboard(browser, server_address, hurried=True) as shown:
        yield shown


@pytest.fixture
def page(browser: Browser, server_address: str) -> Iterator[Page]:
    """The dashboard of the lab that no test changes."""
    with dashboard(browser, server_address) as shown:
        yield shown


@pytest.fixture
def own_page(browser: Browser, own_address: str) -> Iterator[Page]:
    """The dashboard of the lab of this test."""
    with dashboard(browser, own_address) as shown:
        yield shown


@pytest.fixture
def viewer(connection: lv.Connection) -> str:
    """The token of a user who may read two of the tables of this test's lab."""
    return add_user(connection, "vera", "Subject", "Species")


def show(page: Page, place: str, text: str = "") -> None:
    """Go to a place in the page, and wait until it has a text and nothing loads any more."""
    page.evaluate("place => { location.hash = place }", place)
    expect(page.locator("main, dialog").filter(has_text=text).first).to_be_visible()
    expect(page.locator("[aria-busy=true]")).to_have_count(0)

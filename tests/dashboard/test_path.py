"""The page below a path of another server, as in JupyterHub."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from playwright.sync_api import Browser, expect

from levada_server.rpc.web.door import WebSettings
from tests.dashboard.conftest import dashboard, show
from tests.support.browser import needs_chromium
from tests.support.path_proxy import path_proxy

if TYPE_CHECKING:
    from tests.dashboard.conftest import Serve

pytestmark = needs_chromium
FETCHED = "() => performance.getEntriesByType('resource').map((one) => one.name)"


def test_the_page_works_below_a_path(browser: Browser, serve_lab: Serve) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    path = f"/user/anna/proxy/{port}"
    with (
        path_proxy(path, port) as origin,
        serve_lab(WebSettings("127.0.0.1", port, origin)) as address,
        dashboard(browser, address) as page,
    ):
        assert page.url.startswith(f"{origin}/")
        expect(page.get_by_role("link", name="lab.Quality")).to_contain_text("2 of 2")
        (cookie,) = page.context.cookies()
        assert cookie["path"] == f"{path}/"
        show(page, "#/table/lab/Subject", "1–50 of 120")
        page.reload()
        expect(page.get_by_text("1–50 of 120")).to_be_visible()
        with page.expect_download() as download:
            page.get_by_role("button", name="CSV").click()
        assert download.value.suggested_filename == "lab.Subject.csv"
        assert {urlsplit(url).path.startswith(path) for url in page.evaluate(FETCHED)} == {True}

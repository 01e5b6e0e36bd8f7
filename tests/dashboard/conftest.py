"""A lab on a real server, and its dashboard in a real browser."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

import levada as lv
from tests.support.browser import signed_in
from tests.support.dashboard_lab import declare, fill, token

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Page

LAPTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}


@pytest.fixture
def connection(server_address: str) -> Iterator[lv.Connection]:
    with lv.Connection(server_address) as opened:
        yield opened


@pytest.fixture
def lab(connection: lv.Connection, tmp_path: Path) -> dict[str, Any]:  # Any: the classes of the tables
    """The tables of a lab; two recordings are computed, and one has failed."""
    tables = declare(connection)
    fill(tables, tmp_path)
    tables["Trace"].populate(suppress_errors=True)
    tables["Quality"].populate()
    return tables


@contextmanager
def dashboard(address: str, token: str | None = None, **options: object) -> Iterator[Page]:
    """Show the dashboard for the length of the block, and check that the page did nothing that it should not."""
    usual: dict[str, object] = {"viewport": LAPTOP, "timezone_id": "Europe/Lisbon", "locale": "en-GB"}
    with signed_in(address, token, **usual | options) as (page, complaints):
        yield page
        assert complaints.violations == []
        assert complaints.errors == []


@pytest.fixture
def page(server_address: str, lab: dict[str, Any]) -> Iterator[Page]:  # Any: as above
    with dashboard(server_address) as shown:
        yield shown


@pytest.fixture
def viewer(connection: lv.Connection, lab: dict[str, Any]) -> str:  # Any: as above
    """The token of a user who may read two of the tables."""
    return token(connection, "vera", "Subject", "Species")

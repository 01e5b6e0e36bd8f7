"""Logging in at an issuer of identities from the page, in a real browser; the issuer's page is another site."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, Page, expect

import levada as lv
from levada_server.permissions.id_tokens import IssuerSettings
from tests.conftest import served
from tests.support.browser import WEB, chromium_page, needs_chromium, sign_in_code
from tests.support.dashboard_lab import add_user
from tests.support.identity_provider import IdentityProvider, identity_provider

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = needs_chromium


@pytest.fixture
def provider() -> Iterator[IdentityProvider]:
    with identity_provider() as running:
        yield running


@pytest.fixture
def url(database_url: str, provider: IdentityProvider) -> Iterator[str]:
    """The address of a dashboard whose server trusts the issuer and knows the user vera."""
    with served(database_url, issuer=IssuerSettings(provider.url, "levada"), web=WEB) as address:
        with lv.Connection(address) as connection:
            lv.Schema("lab", connection=connection)
            add_user(connection, "vera")
        yield sign_in_code(address)[0]


def log_in(page: Page, user: str) -> Page:
    """Log in as a person does, in the tab that the page opens; return that tab."""
    page.get_by_role("button", name="Log in at your institution").click()
    with page.expect_popup() as opened:
        page.get_by_role("link", name="localhost").click()
    tab = opened.value
    tab.get_by_label("User").fill(user)
    tab.get_by_role("button", name="Log in").click()
    expect(tab.get_by_text("Logged in.")).to_be_visible()
    return tab


def test_a_login_at_an_institution_signs_the_page_in(browser: Browser, url: str) -> None:
    with chromium_page(browser) as (page, complaints):
        page.goto(f"{url}#/table")
        code = page.get_by_text("type this code")
        tab = log_in(page, "vera")
        expect(page.get_by_text("vera")).to_be_visible()
        expect(page.get_by_role("heading", name="Tables")).to_be_visible()
        expect(code).to_have_count(0)
        assert tab.evaluate("window.opener") is None
        (cookie,) = [one for one in page.context.cookies() if one["name"].startswith("levada-")]
        assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
        assert (complaints.violations, complaints.errors) == ([], [])


def test_a_link_from_the_institution_leads_to_a_page_that_is_signed_in(
    browser: Browser, url: str, provider: IdentityProvider
) -> None:
    """A browser leaves the cookie out of a navigation from another site; the page's own calls bring it."""
    provider.back = f"{url}#/table"
    with chromium_page(browser) as (page, _):
        page.goto(url)
        tab = log_in(page, "vera")
        expect(page.get_by_text("vera")).to_be_visible()
        tab.get_by_role("link", name="Back").click()
        expect(tab.get_by_text("vera")).to_be_visible()
        expect(tab.get_by_role("heading", name="Tables")).to_be_visible()


def test_a_user_whom_the_server_does_not_know_stays_out(browser: Browser, url: str) -> None:
    with chromium_page(browser) as (page, _):
        page.goto(url)
        log_in(page, "mallory")
        expect(page.get_by_role("alert")).to_contain_text("mallory")
        expect(page.get_by_role("heading", name="Sign in to Levada")).to_be_visible()

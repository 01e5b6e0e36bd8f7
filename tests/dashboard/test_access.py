"""Users, tokens, grants and the audit in a browser, for an administrator and for a viewer."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.sync_api import Browser, Page, expect

from tests.dashboard.conftest import dashboard, show
from tests.support.browser import needs_chromium
from tests.support.dashboard_lab import add_user

if TYPE_CHECKING:
    import levada as lv

pytestmark = needs_chromium


def test_a_viewer_sees_and_makes_tokens_only(browser: Browser, own_address: str, connection: lv.Connection) -> None:
    with dashboard(browser, own_address, add_user(connection, "vera")) as page:
        show(page, "#/access", "You are")
        parts = page.get_by_role("navigation", name="Parts of access").get_by_role("link")
        expect(parts).to_have_text(["You", "Tokens"])
        show(page, "#/access/users", "This is for owners of schemas or administrators.")
        show(page, "#/access/tokens", "New token")
        expect(page.get_by_role("region", name="Valid tokens").get_by_role("row")).to_have_count(2)
        page.get_by_label("Purpose").fill("rig 2")
        page.get_by_role("button", name="Make").click()
        expect(page.get_by_role("dialog").locator("code")).to_have_text(re.compile("^lev_"))
        page.keyboard.press("Escape")
        expect(page.get_by_text(re.compile("^lev_"))).to_have_count(0)
        page.get_by_role("button", name="Revoke the token rig 2").click()
        page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
        expect(page.get_by_role("row", name=re.compile("rig 2"))).to_have_count(0)


def test_an_administrator_adds_a_user_a_team_and_a_grant(own_page: Page) -> None:
    page = own_page
    show(page, "#/access/users")
    page.get_by_label("Name").fill("ann")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("row", name=re.compile("ann"))).to_be_visible()
    show(page, "#/access/teams")
    page.get_by_label("Name").fill("owls")
    page.get_by_role("button", name="Choose members…").click()
    page.get_by_role("dialog").get_by_label("ann").check()
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(page.get_by_role("row", name=re.compile("owls ann"))).to_be_visible()
    show(page, "#/access/grants/lab")
    page.get_by_label("Who").fill("team:owls")
    page.get_by_label("Role").select_option("depositor")
    page.get_by_role("button", name="Grant").click()
    expect(page.get_by_role("row", name=re.compile("team:owls depositor all of lab"))).to_be_visible()
    show(page, "#/access/audit")
    page.get_by_label("Call").fill("GrantRole")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_role("region", name="The audit").get_by_role("row")).to_have_count(2)

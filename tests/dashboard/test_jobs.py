"""The views of jobs and workers in a browser, with a real worker."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import Browser, Page, expect

from tests.dashboard.conftest import dashboard, show
from tests.support.browser import needs_chromium
from tests.support.dashboard_lab import DAY, HOSTILE, MENDED, MODULE, PIPELINE, add_user
from tests.support.processes import Worker

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest

    import levada as lv

pytestmark = needs_chromium
ROOT = Path(__file__).parents[2]


def add_sessions(lab: Mapping[str, Any], *subjects: int) -> None:  # Any: the classes of the tables
    """Add a session to each of some subjects, and its job."""
    rows = [{"subject_id": n, "session_date": DAY, "started": dt.datetime(2026, 7, 1, 10)} for n in subjects]
    lab["Session"].insert(rows)
    lab["Trace"].jobs.refresh()


def test_an_error_is_read_and_the_job_retried_until_it_succeeds(
    own_page: Page, own_address: str, own_lab: Mapping[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = own_page
    (tmp_path / f"{MODULE}.py").write_text(PIPELINE, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    show(page, "#/jobs")
    cells = page.get_by_role("row", name=re.compile("lab.Trace")).get_by_role("cell")
    expect(cells.nth(2)).to_have_text("1")
    expect(cells.nth(5)).to_have_text("2")
    cells.nth(2).get_by_role("link").click()
    page.get_by_role("row", name=re.compile("ValueError")).press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(f"ValueError: {HOSTILE}")
    expect(dialog.get_by_role("region", name="Stack")).to_contain_text("dashboard_lab.py")
    expect(dialog.get_by_role("region", name="Output")).to_contain_text(f"reading 2 {HOSTILE}")
    (tmp_path / MENDED).touch()
    with Worker(tmp_path, own_address, module=MODULE):
        dialog.get_by_role("button", name="Retry…").click()
        plan = page.get_by_role("dialog", name="Retry jobs of lab.Trace")
        expect(plan).to_contain_text("1 job")
        expect(plan).to_contain_text("subject_id 2, session_date 2026-07-01")
        plan.get_by_role("button", name="Retry 1").click()
        expect(page.get_by_role("status").filter(has_text="1 job is pending again")).to_be_visible()
        expect(page.get_by_role("button", name="success 3")).to_be_visible()
        expect(page.get_by_text("Nothing waits to be done.")).to_be_visible()
    assert len(own_lab["Trace"]()) == 3


def test_jobs_that_take_long_to_find_are_looked_for_on_request(hurried_page: Page) -> None:
    page = hurried_page
    show(page, "#/jobs/lab/Trace?order=attempt", "has not found these jobs within 0.4 s")
    page.get_by_role("button", name="Look through all jobs").click()
    expect(page.get_by_role("row", name=re.compile("ValueError"))).to_be_visible()


def test_chosen_jobs_are_ignored_by_the_keyboard_alone(own_page: Page, own_lab: Mapping[str, Any]) -> None:
    add_sessions(own_lab, 4, 5, 6)
    page = own_page
    show(page, "#/jobs/lab/Trace?state=pending")
    for number in (1, 2):
        page.get_by_role("checkbox", name=f"Choose row {number}", exact=True).press("Space")
    page.get_by_role("button", name="Ignore 2 chosen…").press("Enter")
    plan = page.get_by_role("dialog")
    expect(plan).to_contain_text("2 jobs will be skipped")
    plan.get_by_role("button", name="Ignore 2").press("Enter")
    expect(page.get_by_role("button", name="ignored 2")).to_be_visible()
    assert len(own_lab["Trace"].jobs.ignored) == 2


def test_jobs_that_run_are_cancelled_after_a_plan(own_page: Page, own_lab: Mapping[str, Any]) -> None:
    add_sessions(own_lab, 4, 5)
    for subject in (4, 5):
        assert own_lab["Trace"].jobs.reserve({"subject_id": subject, "session_date": DAY})
    page = own_page
    show(page, "#/jobs/lab/Trace?state=reserved")
    page.get_by_role("checkbox", name="Choose row 2", exact=True).check()
    page.get_by_role("button", name="Cancel 1 chosen…").click()
    plan = page.get_by_role("dialog")
    expect(plan).to_contain_text("subject_id 5, session_date 2026-07-01")
    plan.get_by_role("button", name="Cancel 1").click()
    expect(page.get_by_role("button", name="error 2")).to_be_visible()
    assert [job["subject_id"] for job in own_lab["Trace"].jobs.reserved.to_dicts()] == [4]


def test_workers_show_what_they_compute(own_page: Page, own_lab: Mapping[str, Any]) -> None:
    add_sessions(own_lab, 4)
    assert own_lab["Trace"].jobs.reserve({"subject_id": 4, "session_date": DAY})
    show(own_page, "#/workers")
    busy = own_page.get_by_role("row", name=re.compile("lab.Trace"))
    expect(busy).to_contain_text("subject_id 4, session_date 2026-07-01")
    expect(own_page.get_by_text("1 alive, 1 computing.")).to_be_visible()


def test_a_viewer_may_look_at_jobs_only(
    browser: Browser, own_address: str, connection: lv.Connection, own_lab: Mapping[str, Any]
) -> None:
    add_sessions(own_lab, 4)
    with dashboard(browser, own_address, add_user(connection, "vera")) as page:
        show(page, "#/jobs/lab/Trace?state=pending")
        expect(page.get_by_role("button", name=re.compile("^Ignore"))).to_be_disabled()
        expect(page.get_by_text("You may not manage the jobs of lab.Trace").first).to_be_visible()

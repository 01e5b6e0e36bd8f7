"""The views of jobs, workers, data entry and access, in a real browser against a real server and a worker."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from levada_api.v1 import access_pb2
from tests.support.browser import TIMEOUT_S, draw, needs_chromium, signed_in
from tests.support.dashboard import HOSTILE, MODULE, SESSIONS, SIZES, add_user, barriers, pipeline, served_dashboard
from tests.support.processes import Worker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import ModuleType

    from playwright.sync_api import Page

pytestmark = needs_chromium
expect.set_options(timeout=TIMEOUT_S * 1000)

PLACES = {
    "jobs": ("#/jobs", "%"),
    "errors": ("#/jobs/lab/Rate?state=error", "no spikes"),
    "job": ('#/jobs/lab/Rate?state=error&job={"subject":"1","session":"3"}', "Traceback"),
    "workers": ("#/workers", "1 alive"),
    "entry": ("#/entry", "lab.Session"),
    "form": ("#/entry/lab/Session", "New row"),
    "edit": ('#/entry/lab/Subject?edit={"subject":"1"}', "Change subject 1"),
    "access": ("#/access", "You are"),
    "tokens": ("#/access/tokens", "New token"),
    "grants": ("#/access/grants", "vera"),
    "users": ("#/access/users", "vera"),
    "teams": ("#/access/teams", "New team"),
    "audit": ("#/access/audit", "GrantRole"),
}
"""The places that are looked at in both themes and sizes, each with a text that it has once it is loaded."""


@pytest.fixture
def address(database_url: str, tmp_path: Path) -> Iterator[str]:
    with served_dashboard(database_url, tmp_path / "data") as served:
        yield served


@pytest.fixture
def lab(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    with pipeline(address, tmp_path, monkeypatch) as module:
        yield module


@pytest.fixture
def worker(address: str, lab: ModuleType, tmp_path: Path) -> Iterator[Worker]:
    with Worker(tmp_path, address, module=MODULE) as started:
        yield started


def show(page: Page, place: str, text: str = "") -> None:
    """Go to a place in the page, and wait until it has a text and nothing loads any more."""
    page.evaluate("place => { location.hash = place }", place)
    expect(page.locator("main")).to_contain_text(text)
    expect(page.locator("[aria-busy=true]")).to_have_count(0)


def test_an_error_is_read_and_the_job_retried_until_it_succeeds(
    address: str, lab: ModuleType, worker: Worker, tmp_path: Path
) -> None:
    with signed_in(address) as (page, complaints):
        show(page, "#/jobs")
        cells = page.get_by_role("row", name=re.compile("lab.Rate")).get_by_role("cell")
        expect(cells.nth(2)).to_have_text("1")
        expect(cells.nth(5)).to_have_text(str(SESSIONS - 1))
        cells.nth(2).get_by_role("link").click()
        page.get_by_role("row", name=re.compile("no spikes")).press("Enter")
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text(f"ValueError: no spikes in {HOSTILE}")
        expect(dialog.get_by_role("region", name="Stack")).to_contain_text(f"{MODULE}.py")
        expect(dialog.get_by_role("region", name="Output")).to_contain_text(f"reading 3 {HOSTILE}")
        (tmp_path / "mended").touch()
        dialog.get_by_role("button", name="Retry…").click()
        plan = page.get_by_role("dialog", name="Retry jobs of lab.Rate")
        expect(plan).to_contain_text("1 job")
        expect(plan).to_contain_text("subject 1, session 3")
        plan.get_by_role("button", name="Retry 1").click()
        expect(page.get_by_role("status").filter(has_text="1 job is pending again")).to_be_visible()
        expect(page.get_by_role("button", name=f"success {SESSIONS}")).to_be_visible()
        expect(page.get_by_text("Nothing waits to be done.")).to_be_visible()
        assert len(lab.Rate()) == SESSIONS
        assert (complaints.errors, complaints.violations) == ([], [])


def test_chosen_jobs_are_ignored_by_the_keyboard_alone(address: str, lab: ModuleType) -> None:
    lab.Rate.jobs.refresh()
    with signed_in(address) as (page, _):
        show(page, "#/jobs/lab/Rate?state=pending")
        for number in (1, 2):
            page.get_by_role("checkbox", name=f"Choose row {number}", exact=True).press("Space")
        page.get_by_role("button", name="Ignore 2 chosen…").press("Enter")
        plan = page.get_by_role("dialog")
        expect(plan).to_contain_text("2 jobs are skipped from now on")
        plan.get_by_role("button", name="Ignore 2").press("Enter")
        expect(page.get_by_role("button", name="ignored 2")).to_be_visible()
        assert len(lab.Rate.jobs.ignored) == 2


def test_workers_show_what_they_compute(address: str, lab: ModuleType) -> None:
    lab.Rate.jobs.refresh()
    assert lab.Rate.jobs.reserve({"subject": 1, "session": 4})
    with signed_in(address) as (page, _):
        show(page, "#/workers")
        busy = page.get_by_role("row", name=re.compile("lab.Rate"))
        expect(busy).to_contain_text("subject 1, session 4")
        expect(page.get_by_text("1 alive, 1 computing.")).to_be_visible()


def test_a_row_is_entered_by_the_form_and_faults_stand_at_their_fields(address: str, lab: ModuleType) -> None:
    with signed_in(address) as (page, complaints):
        show(page, "#/entry/lab/Subject")
        form = page.get_by_role("form", name="New row")
        form.get_by_label("subject").fill("two")
        form.get_by_label("name").fill("Bo")
        form.get_by_label("sex").select_option("F")
        form.get_by_label("born").fill("2026-01-31")
        form.get_by_role("button", name="Enter").press("Enter")
        expect(form.get_by_label("subject")).to_be_focused()
        expect(form.get_by_label("subject")).to_have_attribute("aria-invalid", "true")
        expect(form.get_by_text("'two' is not a valid int32")).to_be_visible()
        form.get_by_label("subject").fill("2")
        form.get_by_label("subject").press("Enter")
        expect(page.get_by_role("row", name=re.compile("2 Bo F 2026-01-31"))).to_be_visible()
        stored = (lab.Subject & "subject = 2").fetch1()
        assert (stored["name"], stored["sex"], str(stored["born"]), stored["weight"]) == ("Bo", "F", "2026-01-31", 1.5)
        assert (complaints.errors, complaints.violations) == ([], [])


def test_a_parent_is_searched_and_chosen(address: str, lab: ModuleType) -> None:
    lab.Subject.insert([{"subject": n, "name": "x"} for n in range(10, 90)])
    with signed_in(address) as (page, _):
        show(page, "#/entry/lab/Session")
        form = page.get_by_role("form", name="New row")
        form.get_by_role("button", name="Choose from lab.Subject…").press("Enter")
        page.get_by_label("Search in the key").fill("77")
        expect(page.get_by_role("dialog").get_by_role("row")).to_have_count(2)
        page.get_by_role("dialog").get_by_role("row", name="77").press("Enter")
        expect(form.get_by_label("subject")).to_have_value("77")
        form.get_by_label("subject").fill("5")
        form.get_by_label("session").fill("1")
        form.get_by_role("button", name="Enter").click()
        expect(form.get_by_text("has no entity for subject=5")).to_be_visible()
        form.get_by_label("subject").fill("77")
        form.get_by_role("button", name="Enter").click()
        expect(page.get_by_role("row", name=re.compile("^77 1"))).to_be_visible()
        assert len(lab.Session & "subject = 77") == 1


def test_the_bad_lines_of_a_csv_file_are_mended_and_skipped(address: str, lab: ModuleType) -> None:
    csv = f'subject,name,sex\n2,Bo,F\nthree,Cy,M\n4,"{HOSTILE}, Dee",X\n1,Again,\n5,Eve\n'
    with signed_in(address) as (page, complaints):
        show(page, "#/entry/lab/Subject")
        file = {"name": "animals.csv", "mimeType": "text/csv", "buffer": csv.encode()}
        page.get_by_label("Drop a CSV file here").set_input_files(file)  # type: ignore[arg-type]
        bad = page.get_by_role("region", name="Lines at fault")
        expect(bad.get_by_role("rowheader")).to_have_text(["3", "4", "5", "6"])
        expect(bad).to_contain_text("'three' is not a valid int32")
        expect(bad).to_contain_text("It has 2 cells; the header has 3.")
        enter = page.get_by_role("button", name=re.compile("^Enter [0-9]"))
        expect(enter).to_be_disabled()
        page.get_by_label("subject of line 3").fill("3")
        page.get_by_label("sex of line 4").select_option("F")
        page.get_by_label("sex of line 6").select_option("F")
        page.get_by_label("Skip line 5").check()
        page.get_by_role("button", name="Check again").click()
        expect(page.get_by_text("No line is at fault any more.")).to_be_visible()
        assert len(lab.Subject()) == 1
        enter.click()
        expect(page.get_by_role("status").filter(has_text="Entered 4 rows of animals.csv")).to_be_visible()
        assert sorted(lab.Subject.to_arrays("subject")) == [1, 2, 3, 4, 5]
        assert (lab.Subject & "subject = 4").fetch1("name") == f"{HOSTILE}, Dee"
        assert (complaints.errors, complaints.violations) == ([], [])


def test_a_row_is_changed_and_deleted_after_a_plan(address: str, lab: ModuleType) -> None:
    with signed_in(address) as (page, _):
        show(page, "#/entry/lab/Subject")
        page.get_by_role("button", name="Edit row 1").click()
        form = page.get_by_role("form", name="Change subject 1")
        expect(form.get_by_label("subject")).to_be_disabled()
        form.get_by_label("weight").fill("2.5")
        form.get_by_role("button", name="Save").click()
        expect(page.get_by_role("status").filter(has_text="Changed weight.")).to_be_visible()
        assert lab.Subject.fetch1("weight") == 2.5
        page.get_by_role("button", name="Delete row 1").click()
        plan = page.get_by_role("dialog")
        expect(plan).to_contain_text("6 of lab.Session")
        plan.get_by_role("button", name="Delete").click()
        expect(page.get_by_text("There is no row yet.")).to_be_visible()
        assert len(lab.Session()) == 0


def test_a_viewer_sees_and_does_only_what_a_viewer_may(address: str, lab: ModuleType) -> None:
    lab.Rate.jobs.refresh()
    token = add_user(address, "vera", access_pb2.ROLE_VIEWER)
    with signed_in(address, token) as (page, complaints):
        show(page, "#/jobs/lab/Rate?state=pending")
        expect(page.get_by_role("button", name=re.compile("^Ignore"))).to_be_disabled()
        expect(page.get_by_text("You may not manage the jobs of lab.Rate").first).to_be_visible()
        show(page, "#/entry/lab/Subject")
        expect(page.get_by_text("You may not insert into lab.Subject")).to_be_visible()
        expect(page.get_by_role("form", name="New row")).to_have_count(0)
        expect(page.get_by_role("button", name=re.compile("Edit|Delete"))).to_have_count(0)
        show(page, "#/access")
        parts = page.get_by_role("navigation", name="Parts of access").get_by_role("link")
        expect(parts).to_have_text(["You", "Tokens"])
        show(page, "#/access/users")
        expect(page.get_by_text("This is for owners of schemas or administrators.")).to_be_visible()
        show(page, "#/access/tokens")
        expect(page.get_by_role("region", name="Valid tokens").get_by_role("row")).to_have_count(2)
        assert (complaints.errors, complaints.violations) == ([], [])


def test_a_token_is_shown_once_and_revoked(address: str, lab: ModuleType) -> None:
    token = add_user(address, "vera", access_pb2.ROLE_VIEWER)
    with signed_in(address, token) as (page, _):
        show(page, "#/access/tokens")
        page.get_by_label("Purpose").fill("rig 2")
        page.get_by_role("button", name="Make").click()
        expect(page.get_by_role("dialog").locator("code")).to_have_text(re.compile("^lev_"))
        page.keyboard.press("Escape")
        expect(page.get_by_text(re.compile("^lev_"))).to_have_count(0)
        page.get_by_role("button", name="Revoke the token rig 2").click()
        page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
        expect(page.get_by_role("row", name=re.compile("rig 2"))).to_have_count(0)


def test_an_administrator_adds_a_user_a_team_and_a_grant(address: str, lab: ModuleType) -> None:
    with signed_in(address) as (page, _):
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


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", list(SIZES))
def test_nobody_is_barred(address: str, lab: ModuleType, scheme: str, size: str) -> None:
    lab.Rate.populate(suppress_errors=True)
    add_user(address, "vera", access_pb2.ROLE_VIEWER)
    lab.Session.insert1({"subject": 1, "session": SESSIONS})
    lab.Rate.jobs.refresh()
    assert lab.Rate.jobs.reserve({"subject": 1, "session": SESSIONS})
    width, height = SIZES[size]
    found = {}
    with signed_in(address, color_scheme=scheme, viewport={"width": width, "height": height}) as (page, complaints):
        for name, (place, text) in PLACES.items():
            show(page, place, text)
            if name == "form":
                file = {"name": "s.csv", "mimeType": "text/csv", "buffer": b"subject,session\n1,20\n9,x\n"}
                page.get_by_label("Drop a CSV file here").set_input_files(file)  # type: ignore[arg-type]
                expect(page.get_by_role("region", name="Lines at fault")).to_be_visible()
            draw(page, f"{name}-{size}-{scheme}")
            if barred := barriers(page):
                found[name] = barred
        assert found == {}
        assert (complaints.errors, complaints.violations) == ([], [])

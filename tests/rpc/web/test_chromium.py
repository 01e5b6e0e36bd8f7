"""A real browser signs in and stays confined: Chromium against a real server."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from levada._cli.commands import dashboard
from levada._cli.main import main
from tests.support.browser import chromium_page, frame, needs_chromium, path_of, sign_in_code, signed_in

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

TESTS = ("levada._cli.commands.dashboard", "levada._cli.main")
CALL = """async ([url, path, content]) => {
    const answer = await fetch(url + path, {
        method: "POST", headers: {"content-type": "application/grpc-web+proto"}, body: new Uint8Array(content)});
    return [answer.status, Array.from(new Uint8Array(await answer.arrayBuffer()))];
}"""


def caller(page: object, url: str) -> tuple[int, bytes]:
    """Return the status of HTTP and the body of a call that the page itself makes."""
    status, body = page.evaluate(CALL, [url, path_of("GetCaller"), list(frame(b""))])  # type: ignore[attr-defined]
    return status, bytes(body)


@needs_chromium
def test_the_file_of_the_command_signs_the_browser_in(
    server_address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    url, code = sign_in_code(server_address)
    file = dashboard.write_page(url, code)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    with chromium_page() as (page, complaints):
        page.goto(file.as_uri())
        page.wait_for_url(url)
        status, body = caller(page, url)
        assert (status, b"administrator" in body, b"grpc-status: 0" in body) == (200, True, True)
        (cookie,) = page.context.cookies()
        assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
        assert page.evaluate("document.cookie") == ""
        assert not complaints.violations


@needs_chromium
def test_a_hostile_page_gets_nothing(server_address: str) -> None:
    """Another port of the same host gets the cookie's host, and nothing else."""
    with signed_in(server_address) as (page, _):
        url = page.url
        other, _ = sign_in_code(server_address)
        assert other == url
        page.goto(f"http://localhost:{urlsplit(url).port}/")  # the same server under another name: another origin
        outcome = page.evaluate(
            "([url, path]) => fetch(url + path, {method: 'POST', credentials: 'include', mode: 'no-cors'})"
            ".then(() => 'read', (error) => 'refused')",
            [url, path_of("GetCaller")],
        )
        assert outcome == "refused"


@needs_chromium
def test_scripts_from_elsewhere_do_not_run(server_address: str) -> None:
    with signed_in(server_address) as (page, complaints):
        page.evaluate(
            """() => { window.caught = [];
            const script = document.createElement("script"), image = document.createElement("img");
            for (const attempt of [
                () => { script.text = "window.ran = true"; },
                () => { script.src = "https://evil.example/x.js"; },
                () => { image.setAttribute("onerror", "window.ran = true"); },
                () => { document.body.innerHTML = "<img src=x onerror='window.ran = true'>"; },
                () => { trustedTypes.createPolicy("evil", {createHTML: (text) => text}); },
            ]) try { attempt(); } catch (error) { window.caught.push(error.name); } }"""
        )
        assert len(page.evaluate("window.caught")) == 5
        assert page.evaluate("window.ran") is None
        assert complaints.violations


def test_the_command_prints_where_and_how(
    server_address: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    opened: list[str] = []

    def open_browser(url: str) -> bool:
        opened.append(url)
        return True

    monkeypatch.setattr("webbrowser.open", open_browser)
    assert main(["dashboard", "--url", server_address, "--no-browser"]) == 0
    told = capsys.readouterr()
    url = told.out.strip()
    assert urlsplit(url).hostname == "127.0.0.1"
    assert f"{url}sign-in" in told.err
    assert not opened
    assert main(["dashboard", "--url", server_address]) == 0
    assert opened == [(tmp_path / "levada" / "dashboard.html").as_uri()]
    assert capsys.readouterr().out.strip() == url

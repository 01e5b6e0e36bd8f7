"""The code in the README and in docs/ runs as it is written."""

from __future__ import annotations

import codeop
import os
import re
import shlex
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
GENERATED = ROOT / "docs" / "reference" / "command-line.md"
"""Its commands come from the command line itself, and `test_command_line.py` reads them all."""
FIRST_PAGES = ["README.md", "docs/quickstart.md"]
PAGE_TIMEOUT_S = 120
COMMAND_TIMEOUT_S = 60

_FENCE = re.compile(r"^(?P<indent> *)```(?P<info>.*)$")
_TITLE = re.compile(r'title="([^"]*)"')
OUTPUT = "Output"
"""The title of a block that shows what the Python of the page prints."""
# Languages that are neither run nor checked. Python is not among them under any other name.
_PROSE_LANGUAGES = {"ini", "json", "matlab", "mermaid", "proto", "sql", "text", "toml", "yaml"}


@dataclass(frozen=True)
class Block:
    """A fenced block: `line` is that of its first line of code, counted from 1, and `title` stands above the code."""

    language: str
    code: str
    line: int
    title: str = ""


def blocks(page: Path) -> list[Block]:
    """Collect the fenced blocks of a page, in order."""
    found: list[Block] = []
    opening: re.Match[str] | None = None
    code: list[str] = []
    for number, text in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        fence = _FENCE.match(text)
        if opening is None and fence is not None:
            opening, code = fence, []
        elif opening is not None and fence is not None and fence["indent"] == opening["indent"]:
            language, _, rest = opening["info"].partition(" ")
            title = _TITLE.search(rest)
            found.append(
                Block(language, textwrap.dedent("\n".join(code)), number - len(code), title[1] if title else "")
            )
            opening = None
        elif opening is not None:
            code.append(text)
    assert opening is None, f"{page}: a block is not closed"
    return found


def page_source(page: Path) -> str:
    """Join the Python of a page, each line at its own number, so that a traceback points into the page."""
    lines: list[str] = []
    for block in blocks(page):
        if block.language == "python":
            lines += [""] * (block.line - 1 - len(lines)) + block.code.splitlines()
    return "\n".join(lines) + "\n"


def page_id(page: Path) -> str:
    """Name a page in a test's id."""
    return page.relative_to(ROOT).as_posix()


def commands(program: str) -> list[tuple[str, list[str]]]:
    """Collect the calls of a program in the shell blocks of all pages, as (place, arguments)."""
    return [
        (f"{page_id(page)}:{block.line + offset}", shlex.split(text, comments=True)[1:])
        for page in PAGES
        if page != GENERATED
        for block in blocks(page)
        if block.language == "bash"
        for offset, text in enumerate(block.code.splitlines())
        if text.startswith(f"{program} ")
    ]


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_every_block_names_a_language_that_is_run_or_is_prose(page: Path) -> None:
    known = {"bash", "python"} | _PROSE_LANGUAGES
    strange = [f"line {b.line}: {b.language!r}" for b in blocks(page) if b.language not in known]
    assert strange == [], f"each block is one of {sorted(known)}"


def run_page(page: Path, server_address: str, folder: Path) -> str:
    """Run the Python of a page, and return what it prints."""
    script = folder / page.name.replace(".md", ".py")
    script.write_text(page_source(page), encoding="utf-8")
    result = subprocess.run(
        [sys.executable, script],
        cwd=folder,
        env={**os.environ, "LEVADA_URL": server_address, "MPLBACKEND": "agg", "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PAGE_TIMEOUT_S,
    )
    assert result.returncode == 0, f"{page_id(page)} (line numbers are the page's):\n{result.stderr}"
    return result.stdout


@pytest.mark.parametrize("page", [page for page in PAGES if page_source(page).strip()], ids=page_id)
def test_python_of_a_page_runs_in_order(page: Path, server_address: str, tmp_path: Path) -> None:
    printed = run_page(page, server_address, tmp_path)
    rest = trimmed(printed)
    for block in blocks(page):
        if block.title == OUTPUT:
            _, found, rest = rest.partition(trimmed(block.code))
            assert found, f"{page_id(page)}:{block.line} is not what the page prints:\n{printed}"


def trimmed(text: str) -> str:
    """A text without spaces at the ends of its lines."""
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


@pytest.mark.parametrize("name", FIRST_PAGES)
def test_the_first_pages_can_be_pasted_at_the_plain_prompt(name: str) -> None:
    entered: list[str] = []
    for block in blocks(ROOT / name):
        for line in [*block.code.splitlines(), ""] if block.language == "python" else ():
            entered.append(line)
            if codeop.compile_command("\n".join(entered), f"{name}, block at line {block.line}") is not None:
                entered.clear()
    assert entered == []


@pytest.mark.parametrize("name", [*FIRST_PAGES, "docs/how-to/stale-results.md", "docs/how-to/jobs.md"])
def test_pages_to_try_run_a_second_time(name: str, server_address: str, tmp_path: Path) -> None:
    for _ in range(2):
        run_page(ROOT / name, server_address, tmp_path)


def command_help(words: list[str]) -> subprocess.CompletedProcess[str]:
    """Ask a command for its help."""
    return subprocess.run(
        [sys.executable, "-m", "levada", *words, "--help"],
        env={**os.environ, "COLUMNS": "200"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=COMMAND_TIMEOUT_S,
    )


@pytest.mark.parametrize(("place", "arguments"), commands("levada"))
def test_command_exists_with_its_options(place: str, arguments: list[str]) -> None:
    words = [argument for argument in arguments if not argument.startswith("-")]
    options = [argument.split("=")[0] for argument in arguments if argument.startswith("--")]
    result = command_help(words[:1])
    if " ACTION " in result.stdout.partition("\n\n")[0]:
        result = command_help(words[:2])
    assert result.returncode == 0, f"{place}: `levada {words[0]}` is refused:\n{result.stderr}"
    unknown = [option for option in options if not re.search(rf"{re.escape(option)}\b", result.stdout)]
    assert unknown == [], f"{place}: `levada {words[0]} --help` does not list these"


@pytest.mark.parametrize(("place", "targets"), commands("make"))
def test_make_target_exists(place: str, targets: list[str]) -> None:
    result = subprocess.run(
        ["make", "--question", *targets],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=COMMAND_TIMEOUT_S,
    )
    # --question runs nothing: 0 is up to date, 1 is to be made, 2 is an error such as an unknown target.
    assert result.returncode in (0, 1), f"{place}: {result.stderr}"

"""The pages of MATLAB's help browser."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import pytest

from clients.matlab.help_pages import DOCS, EXAMPLES, page_name, write
from clients.matlab.public_names import public

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the pages."""
    folder = tmp_path_factory.mktemp("help")
    write(folder)
    return folder


def toc(pages: Path) -> dict[str, str]:
    """Return the titles of the table of contents by page."""
    root = ET.parse(pages / "html" / "helptoc.xml").getroot()
    assert (root.tag, root.attrib) == ("toc", {"version": "2.0"})
    return {item.attrib["target"]: (item.text or "").strip() for item in root.iter("tocitem")}


def test_matlab_finds_the_pages(pages: Path) -> None:
    info = ET.parse(pages / "info.xml").getroot()
    fields = {field.tag: field.text for field in info}
    assert info.tag == "productinfo"
    assert fields == {
        "matlabrelease": "R2019b",
        "name": "Levada",
        "type": "toolbox",
        "icon": None,
        "help_location": "html",
    }
    assert (pages / str(fields["help_location"]) / "helptoc.xml").exists()


def test_every_page_of_the_contents_is_made(pages: Path) -> None:
    made = {page.name for page in (pages / "html").glob("*.html")}
    assert set(toc(pages)) == made


def test_the_contents_have_the_pages_names_and_examples(pages: Path) -> None:
    listed = toc(pages)
    assert {page_name(page.relative_to(DOCS).as_posix()) for page in (DOCS / "matlab").glob("*.md")} <= set(listed)
    assert {f"levada.{found.name}.html" for found in public()} <= set(listed)
    assert {f"example-{script.stem}.html" for script in EXAMPLES.glob("*.m")} <= set(listed)
    assert all(listed.values())


def test_links_lead_to_pages_that_are_there(pages: Path) -> None:
    texts = {page.name: page.read_text(encoding="utf-8") for page in (pages / "html").glob("*.html")}
    for name, text in texts.items():
        for target in re.findall(r'(?:href|src)="([^"]+)"', text):
            page, _, anchor = target.partition("#")
            if ":" in page:
                continue
            assert not page or (pages / "html" / page).exists(), f"{name}: {target}"
            if anchor and page:
                assert f'id="{anchor}"' in texts[page], f"{name}: {target}"


def test_a_page_has_the_words_of_its_source(pages: Path) -> None:
    text = (pages / "html" / "quickstart.html").read_text(encoding="utf-8")
    assert "<h1" in text
    assert "A pipeline in MATLAB is a package" in text
    assert "levada.connect" in (pages / "html" / "levada.connect.html").read_text(encoding="utf-8")
    assert "INSERT Insert rows" in (pages / "html" / "levada.Table.html").read_text(encoding="utf-8")

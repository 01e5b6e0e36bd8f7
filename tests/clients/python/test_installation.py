"""Extras: what their packages are for, and what is said without them."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import levada as lv
from levada._base.installation import install_command, needing

ROOT = Path(__file__).parents[3]
if TYPE_CHECKING:
    from collections.abc import Callable

TESTS = ("levada._base.installation",)
_FOR_DEVELOPERS = {"bench", "dev"}


def test_the_page_about_installing_lists_every_extra() -> None:
    page = (ROOT / "docs" / "how-to" / "install.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| `([a-z-]+)` \|", page, re.MULTILINE))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert listed == set(project["optional-dependencies"]) - _FOR_DEVELOPERS


@pytest.mark.parametrize("package", ["pandas", "polars"])
def test_a_form_of_rows_without_its_package_says_how_to_install_it(
    package: str, connection: lv.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema = lv.Schema("frames", connection=connection)

    @schema
    class Animal(lv.Manual):
        definition = "animal : int32"

    fetches: dict[str, list[Callable[[], object]]] = {
        "pandas": [Animal.to_pandas, lambda: Animal.fetch(format="frame")],
        "polars": [Animal.to_polars],
    }
    monkeypatch.setitem(sys.modules, package, None)
    for fetch in fetches[package]:
        with pytest.raises(ModuleNotFoundError) as raised:
            fetch()
        assert str(raised.value) == f"This needs {package}, which is not installed: `{install_command(package)}`."


def test_a_package_that_lacks_another_says_so_itself() -> None:
    with pytest.raises(ModuleNotFoundError, match="numpy"), needing("pandas"):
        raise ModuleNotFoundError("No module named 'numpy'", name="numpy")

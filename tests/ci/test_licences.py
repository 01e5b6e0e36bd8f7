"""The check of licences finds licences that nobody has allowed, however old the metadata that name them are."""

from __future__ import annotations

import subprocess
import sys
from importlib import util
from pathlib import Path

import pytest

CHECK = Path(__file__).parents[2] / ".ci" / "licences.py"
_SPEC = util.spec_from_file_location("licences", CHECK)
assert _SPEC is not None and _SPEC.loader is not None
check = util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(check)


@pytest.mark.parametrize(
    ("expression", "classifiers", "field", "stated"),
    [
        ("MIT", ["License :: OSI Approved :: GNU General Public License (GPL)"], "GPL", ["MIT"]),
        ("", ["Topic :: Database", "License :: OSI Approved :: MIT License"], "see LICENSE", ["MIT License"]),
        ("", ["License :: OSI Approved :: A", "License :: OSI Approved :: B"], "", ["A", "B"]),
        ("", [], "BSD-3-Clause", ["BSD-3-Clause"]),
        ("", [], "Copyright\nall rights reserved", []),
        ("", [], "", []),
    ],
)
def test_the_most_exact_part_of_the_metadata_counts(
    expression: str, classifiers: list[str], field: str, stated: list[str]
) -> None:
    assert check.licences(expression, classifiers, field) == stated


@pytest.mark.parametrize(
    "stated",
    [["MIT"], ["mit license"], ["GPL-3.0-only OR MIT"], ["MPL-2.0 AND MIT"], ["MIT", "Apache Software License"]],
)
def test_what_is_allowed_passes(stated: list[str]) -> None:
    assert check.allowed(stated)


@pytest.mark.parametrize(
    "stated",
    [
        [],
        ["AGPL-3.0-only"],
        ["GPL-3.0-only AND MIT"],
        ["MIT", "GNU General Public License (GPL)"],
        ["MIT OR (GPL-3.0-only AND X)"],
        ["UNKNOWN"],
    ],
)
def test_the_rest_is_refused(stated: list[str]) -> None:
    assert not check.allowed(stated)


def test_an_installed_distribution_without_an_allowed_licence_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "sombre-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(
        "Metadata-Version: 2.4\nName: sombre\nVersion: 1.0\nLicense-Expression: SSPL-1.0\n"
    )
    path = f"import sys, runpy; sys.path.append({str(tmp_path)!r}); runpy.run_path({str(CHECK)!r}, run_name='__main__')"
    ended = subprocess.run([sys.executable, "-c", path], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert ended.stderr.startswith("sombre 1.0: SSPL-1.0\n")

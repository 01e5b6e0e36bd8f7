"""The build file for MATLAB's build tool, in Octave: its tasks run with stand-ins for what only MATLAB has."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from clients.matlab import help_pages
from tests.clients.matlab.conftest import Octave
from tests.clients.matlab.m_tests import ROOT

STAND_INS = Path(__file__).parent / "build_tool"
GATEWAYS = "clients/matlab/toolbox/+levada/+internal/+calls"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Copy the parts of the repository that the tasks use."""
    shutil.copytree(ROOT / "clients" / "matlab", tmp_path / "clients" / "matlab")
    shutil.copy(ROOT / "LICENSE", tmp_path)
    return tmp_path


def run(tree: Path, script: str) -> str:
    folder = tree / "clients" / "matlab"
    paths = f"warning('off', 'Octave:shadowed-function'); addpath('{STAND_INS}'); cd('{folder}');"
    return Octave("").run(f"{paths} plan = buildfile();\n{script}")


def test_the_plan_has_the_tasks(tree: Path) -> None:
    shown = run(
        tree,
        "disp(strjoin(fieldnames(plan.Functions)')), disp(plan.Settings.test.Dependencies), disp(plan.DefaultTasks)",
    )
    assert shown.split("\n")[:3] == ["mex test package", "mex", "test"]


def test_mex_builds_for_this_matlab_with_the_libraries_of_vcpkg(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = tree / "python"
    python.write_text('#!/bin/sh\nfor argument; do echo "<$argument>"; done\n')
    python.chmod(0o755)
    monkeypatch.setenv("LEVADA_PYTHON", str(python))
    monkeypatch.setenv("VCPKG_ROOT", "/opt/vc pkg")
    script, *arguments = re.findall("<(.*)>", run(tree, "perform(plan, 'mex');"))
    assert (Path(script).name, arguments[0]) == ("build.py", "--")
    assert "-DLEVADA_MATLAB=ON" in arguments
    assert "-DVCPKG_TARGET_TRIPLET=x64-linux" in arguments
    assert "-DCMAKE_TOOLCHAIN_FILE=/opt/vc pkg/scripts/buildsystems/vcpkg.cmake" in arguments


def test_mex_fails_when_the_build_does(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEVADA_PYTHON", "/bin/false")
    assert "levada:PreconditionFailed" in run(tree, "try, perform(plan, 'mex'); catch e, disp(e.identifier), end")


def test_package_packs_the_toolbox_its_help_and_its_gateways(tree: Path) -> None:
    help_pages.write(tree / "build" / "matlab_help")
    (tree / GATEWAYS / "levada_gateway.mexa64").write_bytes(b"a gateway")
    packed = json.loads(run(tree, "perform(plan, 'package');").partition("packaged: ")[2].split("\n")[0])
    folder = Path(packed["folder"])
    files = {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}
    assert {
        "info.xml",
        "html/helptoc.xml",
        "html/quickstart.html",
        "LICENSE",
        "resources/functionSignatures.json",
    } <= files
    assert {
        "+levada/Contents.m",
        "examples/gettingStarted.m",
        "+levada/+internal/+calls/levada_gateway.mexa64",
    } <= files
    assert "+levada/+internal/+calls/levada_gateway.mex" not in files
    assert packed["systems"] == {"Win64": False, "Glnxa64": True, "Maci64": False, "MatlabOnline": False}
    assert packed["path"] == [str(folder), str(folder / "examples")]
    assert packed["output"] == str(tree / "build" / "levada.mltbx")
    assert f'version = "{packed["version"]}"' in (ROOT / "pyproject.toml").read_text()


def test_package_wants_help_pages_and_a_gateway(tree: Path) -> None:
    attempt = "try, perform(plan, 'package'); catch e, disp(e.message), end"
    assert "There are no help pages yet" in run(tree, attempt)
    help_pages.write(tree / "build" / "matlab_help")
    assert "No gateway is in" in run(tree, attempt)


def test_the_checks_pass_here_too(octave: Octave) -> None:
    folder = ROOT / "clients" / "matlab"
    paths = f"addpath('{folder / 'checks'}', '{folder / 'toolbox' / 'examples'}');"
    assert "The examples are left out" in octave.run(f"{paths} setenv('LEVADA_URL', ''); checkToolbox();")
    shown = octave.run(f"{paths} setenv('LEVADA_URL', address); checkToolbox();")
    assert "Running gettingStarted.m" in shown
    assert "Running changingData.m" in shown

"""The gateway's build for MATLAB, as far as it goes without MATLAB: a stand-in has the files that CMake looks for."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
MEX = ROOT / "clients/matlab/mex"
GENERATED = ROOT / "build/matlab"
MISSING = [tool for tool in ("cmake", "mkoctfile", "c++", "pkg-config") if shutil.which(tool) is None]
WITH_NINJA = pytest.mark.skipif(shutil.which("ninja") is None, reason="ninja is not installed")

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the stand-in is a MATLAB for Linux"),
    pytest.mark.skipif(bool(MISSING), reason=f"{', '.join(MISSING)} is not installed"),
]


@pytest.fixture
def matlab(tmp_path: Path) -> Path:
    """Make a folder like MATLAB's, with Octave's header, whose functions are MATLAB's, and libraries that are empty."""
    root = tmp_path / "matlab"
    for folder in ("bin/glnxa64", "extern/include", "extern/lib/glnxa64", "extern/version"):
        (root / folder).mkdir(parents=True)
    (root / "VersionInfo.xml").write_text(
        "<MathWorks_version_info><version>9.13.0</version></MathWorks_version_info>\n"
    )
    mexext = root / "bin/mexext"
    mexext.write_text("#!/bin/sh\necho mexa64\n")
    mexext.chmod(0o755)
    header = subprocess.run(["mkoctfile", "-p", "OCTINCLUDEDIR"], capture_output=True, text=True, check=True)
    (root / "extern/include/mex.h").write_text(f'#include "{header.stdout.strip()}/mex.h"\n')
    (root / "extern/version/c_mexapi_version.c").write_text("unsigned mexfilerequiredapiversion = 0;\n")
    for name, symbol in (("mexFunction", "mexFunction"), ("c_exportsmexfileversion", "mexfilerequiredapiversion")):
        (root / f"extern/lib/glnxa64/{name}.map").write_text(f"{{ global: {symbol}; local: *; }};\n")
    empty = root / "empty.c"
    empty.write_text("")
    for library in ("mex", "mx", "eng"):
        made = root / f"bin/glnxa64/lib{library}.so"
        subprocess.run(["c++", "-shared", "-x", "c++", empty, "-o", made], check=True)
    return root


def configured(matlab: Path, folder: Path, *options: str) -> Path:
    """Configure the build; return the folder that the MEX file is to go to."""
    package = folder.with_name("package")
    places = [f"-DMatlab_ROOT_DIR={matlab}", f"-DLEVADA_BUILD={GENERATED}", f"-DLEVADA_PACKAGE={package}"]
    command = ["cmake", "-S", str(MEX), "-B", str(folder), "-DLEVADA_MATLAB=ON", *places, *options]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return package


@pytest.mark.parametrize("generator", ["Unix Makefiles", pytest.param("Ninja Multi-Config", marks=WITH_NINJA)])
def test_it_can_be_configured(matlab: Path, tmp_path: Path, generator: str) -> None:
    configured(matlab, tmp_path / "build", "-G", generator)


@WITH_NINJA
def test_generators_of_several_configurations_write_to_the_package_too(matlab: Path, tmp_path: Path) -> None:
    package = configured(matlab, tmp_path / "build", "-G", "Ninja Multi-Config")
    command = ["ninja", "-C", str(tmp_path / "build"), "-f", "build-Release.ninja", "-t", "targets", "all"]
    targets = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert f"{package}/levada_gateway.mexa64:" in targets


@pytest.mark.skipif(not (GENERATED / "generated").exists(), reason="`make matlab` has not been run here")
@pytest.mark.parametrize("source", ["call.cpp", "gateway.cpp", "messages.cpp", "protocol.cpp"])
def test_names_may_be_views_as_since_protobuf_30(tmp_path: Path, source: str) -> None:
    """Compile against this system's protobuf, whose descriptors are changed to return names as later releases do."""
    flags = subprocess.run(
        ["pkg-config", "--variable=includedir", "protobuf"], capture_output=True, text=True, check=True
    )
    header = Path(flags.stdout.strip(), "google/protobuf/descriptor.h")
    text = header.read_text(encoding="utf-8")
    if "std::string_view name() const" in text or "internal::DescriptorStringView" in text:
        pytest.skip("this system's protobuf returns views itself")
    names = re.compile(r"const std::string& ((?:\w+::)?\w+)\(\) const")
    changed, number = names.subn(r"std::string_view \1() const", text)
    assert number > 15
    view = tmp_path / "google" / "protobuf" / "descriptor.h"
    view.parent.mkdir(parents=True)
    view.write_text("#include <string_view>\n" + changed, encoding="utf-8")
    octave = subprocess.run(
        ["mkoctfile", "-p", "OCTINCLUDEDIR"], capture_output=True, text=True, check=True
    ).stdout.strip()
    includes = [tmp_path, GENERATED / "generated", GENERATED / "nanoarrow/include", octave, f"{octave}/.."]
    command = [
        "c++",
        "-std=c++17",
        "-fsyntax-only",
        *(f"-isystem{folder}" for folder in includes),
        str(MEX / "src" / source),
    ]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr

"""Text in char arrays of both widths: Octave runs only one of them, so the other is tested by itself."""

from __future__ import annotations

import subprocess
from pathlib import Path

_HERE = Path(__file__).parent
_SOURCES = _HERE.parents[2] / "clients" / "matlab" / "mex" / "src"


def test_text_survives_in_bytes_and_in_utf16(tmp_path: Path) -> None:
    program = tmp_path / "unicode_test"
    flags = ["-std=c++17", "-Wall", "-Wextra", "-Werror", f"-I{_SOURCES}", "-o", str(program)]
    subprocess.run(["c++", *flags, str(_HERE / "unicode_test.cpp")], check=True)
    result = subprocess.run([str(program)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout

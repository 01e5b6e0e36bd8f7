"""BLAKE3 of the gateway, against the package that the Python client and the server use."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

from blake3 import blake3

_HERE = Path(__file__).parent
_SOURCES = _HERE.parents[2] / "clients" / "matlab" / "mex" / "src"
_BLOCK, _CHUNK = 64, 1024


def test_bytes_of_all_lengths_in_pieces_of_all_sizes_have_their_hash(tmp_path: Path) -> None:
    program = tmp_path / "blake3_test"
    flags = ["-std=c++17", "-O1", "-Wall", "-Wextra", "-Werror", f"-I{_SOURCES}", "-o", str(program)]
    subprocess.run(["c++", *flags, str(_HERE / "blake3_test.cpp"), str(_SOURCES / "blake3.cpp")], check=True)
    near = [
        edge + by
        for edge in (_BLOCK, _CHUNK, *(_CHUNK * n for n in (2, 3, 4, 5, 7, 8, 16, 31, 64)))
        for by in (-1, 0, 1)
    ]
    content = random.Random(0).randbytes(1_000_003)
    for length in (0, 1, *near, 100_000, len(content)):
        for piece in (7, _BLOCK, 1000, _CHUNK, 1_048_576) if length < 100_000 else (4096,):
            told = subprocess.run([program, str(piece)], input=content[:length], capture_output=True, check=True).stdout
            assert told.decode().strip() == blake3(content[:length]).hexdigest(), (length, piece)

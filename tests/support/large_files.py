"""A table of large files, for tests of how they reach a store and come back."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import levada as lv

if TYPE_CHECKING:
    from pathlib import Path

MIB = 2**20
SIZE = 21 * MIB + 5
DEFINITION = """
id : int32
---
file = null : <attach@raw>
folder = null : <object@raw>
data = null : <hash@raw>
image = null : <npy@raw>
"""


def declare(connection: lv.Connection) -> type[lv.Manual]:
    """Declare the table `Thing` in the schema `lab`."""

    @lv.Schema("lab", connection=connection)
    class Thing(lv.Manual):
        definition = DEFINITION

    return Thing


def big_file(folder: Path, size: int = SIZE, name: str = "a big file%.bin") -> Path:
    """Write a file of random bytes."""
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(os.urandom(size))
    return file

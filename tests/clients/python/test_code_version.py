"""The version of the code that computed a row."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import levada as lv
from levada._jobs.code_version import code_version

if TYPE_CHECKING:
    from pathlib import Path


def test_the_code_version_is_the_commit_where_the_file_is_as_committed(tmp_path: Path) -> None:
    module = tmp_path / "versioned.py"
    module.write_text("class Table:\n    pass\n", encoding="utf-8")

    def version() -> str:
        code = (
            "from levada._jobs.code_version import code_version; import versioned; print(code_version(versioned.Table))"
        )
        done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def git(*arguments: str) -> str:
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.strip()

    before = version()
    assert before.startswith("sha256:")
    git("init", "-q")
    git("add", "versioned.py")
    git("commit", "-q", "-m", "first")
    assert version() == f"git:{git('rev-parse', 'HEAD')}"
    module.write_text("class Table:\n    x = 1\n", encoding="utf-8")
    assert version().startswith("sha256:")
    assert version() != before


def test_a_job_records_the_version_of_its_code(connection: lv.Connection) -> None:
    schema = lv.Schema("bench", connection=connection)

    @schema
    class Number(lv.Lookup):
        definition = "n : int32"
        contents = ((1,),)

    @schema
    class Square(lv.Computed):
        definition = "-> Number"

        def make(self, key: dict[str, int]) -> None:
            self.insert1(key)

    Square.populate()
    assert Square.jobs.fetch1("code_version") == code_version(Square)

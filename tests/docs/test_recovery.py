"""The commands by which a database goes back to an earlier moment do so, with the PostgreSQL of the system."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest

import levada as lv
from tests.docs.test_code_blocks import ROOT, blocks
from tests.support.processes import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = ROOT / "docs" / "how-to" / "back-up.md"
FOLDERS = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_verifybackup"))
OWNER = "nobody"
"""Who runs PostgreSQL if the tests run as root, for whom it does not start."""
PATIENCE_S = 60

pytestmark = pytest.mark.skipif(not FOLDERS, reason="Debian's package postgresql is not installed")


class Steps:
    """Runs the page's commands with the places of the test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.places = {name: folder / name.lower() for name in ("DATA", "ARCHIVE", "BASE", "RECOVERED")}
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"postgresql://levada@127.0.0.1:{self.port}/postgres"

    def run(self, code: str, *, as_owner: bool = True, **places: str) -> None:
        """Run commands in a shell."""
        path = os.pathsep.join((str(FOLDERS[-1].parent), str(Path(sys.executable).parent), os.environ["PATH"]))
        settings = {name: str(place) for name, place in self.places.items()} | places
        settings |= {"PATH": path, "PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGUSER": "levada"}
        settings |= {"DATABASE_URL": self.url, "HOME": str(self.folder)}
        owner = ["runuser", "--user", OWNER, "--"] if as_owner and os.geteuid() == 0 else []
        with (self.folder / "output").open("ab") as output:
            subprocess.run(
                [*owner, "bash", "-euc", code],
                env=os.environ | settings,
                cwd=self.folder,
                check=True,
                stdout=output,
                stderr=output,
                timeout=PATIENCE_S,
            )

    def fetched(self, statement: str) -> object:
        """Ask PostgreSQL for one value."""

        async def ask() -> object:
            connection = await asyncpg.connect(self.url)
            try:
                return await connection.fetchval(statement)
            finally:
                await connection.close()

        return asyncio.run(ask())


@pytest.fixture
def steps() -> Iterator[Steps]:
    folder = Path(f"/tmp/levada-recovery-{os.getpid()}")  # where another user reaches it, and made anew
    folder.mkdir(mode=0o755)
    if os.geteuid() == 0:
        shutil.chown(folder, OWNER)
    made = Steps(folder)
    try:
        yield made
    finally:
        for place in ("DATA", "RECOVERED"):
            if (made.places[place] / "postmaster.pid").exists():
                made.run(f'pg_ctl --pgdata="${place}" --mode=immediate stop')
        shutil.rmtree(folder)


def page_blocks(language: str) -> list[str]:
    """The blocks of the last section of the page."""
    first = PAGE.read_text(encoding="utf-8").partition("## Every moment")[0].count("\n")
    return [block.code for block in blocks(PAGE) if block.language == language and block.line > first]


def test_a_database_goes_back_to_a_moment_by_the_commands_of_the_page(steps: Steps, tmp_path: Path) -> None:
    (settings,) = page_blocks("ini")
    copying, going_back, ending = page_blocks("bash")
    address = f"unix:{tmp_path}/socket"
    steps.run("initdb --username=levada --auth=trust --no-sync $DATA; mkdir $ARCHIVE")
    settings = settings.replace("$ARCHIVE", str(steps.places["ARCHIVE"]))
    settings += f"\nlisten_addresses = '127.0.0.1'\nport = {steps.port}\nunix_socket_directories = ''\n"
    steps.run("cat >> $DATA/postgresql.conf <<'END'\n" + settings + "END\npg_ctl -D $DATA -l $DATA/log --wait start")

    with Server(steps.url, address), lv.Connection(address) as connection:
        schema = lv.Schema("lab", connection=connection)

        @schema
        class Mouse(lv.Manual):
            definition = "mouse : int32"

        Mouse.insert1({"mouse": 1})
        steps.run(copying)
        Mouse.insert1({"mouse": 2})
        moment = steps.fetched("SELECT clock_timestamp()")
        assert isinstance(moment, dt.datetime)
        Mouse.insert1({"mouse": 3})
        key = steps.fetched("SELECT secret FROM levada.signing_key")
    steps.fetched("SELECT pg_switch_wal()")
    steps.run('pg_ctl --pgdata="$DATA" --wait --mode=fast stop')

    steps.run(going_back, MOMENT=moment.isoformat())
    end = time.monotonic() + PATIENCE_S
    while steps.fetched("SELECT pg_is_in_recovery()"):
        assert time.monotonic() < end
    steps.run(ending, as_owner=False)

    assert steps.fetched("SELECT secret FROM levada.signing_key") != key
    with Server(steps.url, address), lv.Connection(address) as connection:
        assert lv.FreeTable(connection, "lab.Mouse").to_arrays("mouse").tolist() == [1, 2]

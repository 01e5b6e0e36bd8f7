"""Run pg_dump and pg_restore: their files are for this user alone, and the password is on no command line."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from levada_server.config import without_password
from levada_server.embedded.postgres_programs import caller, find_programs
from levada_server.errors import Unavailable

if TYPE_CHECKING:
    from pathlib import Path

_QUOTED_LINES = 5


async def dump(database_url: str, snapshot: str, folder: Path) -> None:
    """Save a database as it is in a snapshot to a new folder.

    Raises:
        Unavailable: pg_dump failed; the message quotes it.
    """
    # Blobs are compressed already: the fastest compression shrinks the rest nearly as far.
    options = ("--format=directory", "--jobs=2", "--compress=gzip:1", f"--snapshot={snapshot}", f"--file={folder}")
    await _run("pg_dump", *options, database_url=database_url)


async def load(database_url: str, folder: Path) -> None:
    """Load a saved database into an empty one, completely or not at all.

    Raises:
        Unavailable: pg_restore failed; the message quotes it.
    """
    options = ("--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error")
    await _run("pg_restore", *options, str(folder), database_url=database_url)


async def _run(program: str, *arguments: str, database_url: str) -> None:
    programs = await asyncio.to_thread(find_programs, caller())
    url, password = without_password(database_url)
    process = await asyncio.create_subprocess_exec(
        programs.folder / program,
        "--no-password",
        f"--dbname={url}",
        *arguments,
        env={**os.environ, "LC_ALL": "C", **({} if password is None else {"PGPASSWORD": password})},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        umask=0o077,
    )
    try:
        said, _ = await process.communicate()
    except asyncio.CancelledError:
        process.terminate()
        await process.wait()
        raise
    if process.returncode != 0:
        lines = said.decode(errors="replace").strip().splitlines()
        raise Unavailable(f"{program} failed: {' / '.join(line.strip() for line in lines[-_QUOTED_LINES:])}")

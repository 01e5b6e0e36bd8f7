"""An error in MATLAB leads to the line of its call in the server's log."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients.matlab.m_tests import MTests


def test_an_error_has_the_id_of_its_call_in_the_servers_log(
    m_tests: MTests, database_url: str, port: int, tmp_path: Path
) -> None:
    log, address = tmp_path / "log", f"127.0.0.1:{port}"
    command = [sys.executable, "-m", "levada_server", "serve", "--database-url", database_url, "--listen", address]
    with (
        log.open("w") as errors,
        subprocess.Popen(
            [*command, "--log-level", "DEBUG"], stdout=subprocess.PIPE, stderr=errors, text=True
        ) as server,
    ):
        try:
            assert server.stdout is not None
            assert "ready" in server.stdout.readline()
            found = m_tests.run("testConnection", "test_failed_calls_have_ids", address)
        finally:
            server.kill()
    assert len({found["separate"], found["in_transaction"], found["in_make"]}) == 3
    lines = log.read_text().splitlines()
    for id_ in found.values():
        assert any("NOT_FOUND" in line for line in lines if f"(call {id_})" in line), id_

"""A server that is killed in the middle of a make, and started again: the same Octave goes on."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from tests.clients.matlab.conftest import serving
from tests.support.proxy import Proxy

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients.matlab.m_tests import MTests


def test_a_result_outlives_a_restart_of_the_server(
    m_tests: MTests, database_url: str, port: int, tmp_path: Path
) -> None:
    address, file = f"127.0.0.1:{port}", tmp_path / "go"
    with serving(database_url, port) as server:
        m_tests.run("testRestarts", "test_fill", address)
        m_tests.ask("testRestarts", "test_populate", address, file=str(file), patience=60)
        m_tests.wait_for_line("in make")
        server.kill()
        server.wait()
    with serving(database_url, port):
        file.touch()
        assert m_tests.answer() == ""
        assert m_tests.run("testRestarts", "test_count", address) == 1


def test_a_server_that_stays_away_is_told_by_a_reason(
    m_tests: MTests, database_url: str, port: int, tmp_path: Path
) -> None:
    address, file = f"127.0.0.1:{port}", tmp_path / "go"
    with serving(database_url, port) as server:
        m_tests.run("testRestarts", "test_fill", address)
        m_tests.ask("testRestarts", "test_populate", address, file=str(file), patience=0)
        m_tests.wait_for_line("in make")
        server.kill()
        server.wait()
        file.touch()
        assert m_tests.answer() == "levada:Unavailable"
    with serving(database_url, port):
        assert m_tests.run("testRestarts", "test_count", address) == 0


def test_a_transaction_waits_for_a_server_that_is_away_for_a_moment(
    m_tests: MTests, server_address: str, tmp_path: Path
) -> None:
    servers, file = [server_address], tmp_path / "go"
    with Proxy(servers) as proxy:
        m_tests.ask("testRestarts", "test_begin", proxy.address, file=str(file))
        m_tests.wait_for_line("connected")
        servers.clear()
        proxy.cut()
        file.touch()
        assert proxy.refused.wait(60)
        servers.append(server_address)
        assert m_tests.answer()


def test_the_end_of_a_worker_does_not_wait_for_a_server_that_is_silent(
    m_tests: MTests, database_url: str, port: int, tmp_path: Path
) -> None:
    file = tmp_path / "go"
    with serving(database_url, port) as server:
        m_tests.ask("testRestarts", "test_close", f"127.0.0.1:{port}", file=str(file))
        m_tests.wait_for_line("has a session")
        server.send_signal(signal.SIGSTOP)
        file.touch()
        try:
            assert m_tests.answer() < 8  # without a limit, a call waits longer
        finally:
            server.send_signal(signal.SIGCONT)

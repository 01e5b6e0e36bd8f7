"""A worker whose user loses the right to a table while it works for it: it goes on with the others."""

from __future__ import annotations

import os
import select
from typing import TYPE_CHECKING

import pytest

import levada as lv
from levada_api.v1 import access_pb2
from levada_api.v1 import access_service_pb2 as pb
from tests.support.processes import TIMEOUT, Worker, write_pipeline

if TYPE_CHECKING:
    from pathlib import Path

TESTS = ("levada._crew.crew", "levada._crew.member", "levada._jobs.job_loop", "levada._worker.refresher")
PIPELINE = """
import os
import signal
import threading
import levada as lv

here = os.path.dirname(__file__)
schema = lv.Schema("pipeline")


def pause_and_end():
    with open(os.path.join(here, "begun"), "w") as begun:
        begun.write("begun")
    with open(os.path.join(here, "go_on")) as go_on:
        end = go_on.read()
    if end == "raise":
        raise ValueError("it fails")
    if end == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if end == "hang":
        threading.Event().wait()


@schema
class Recording(lv.Manual):
    definition = "n : int32"
    discover_time_limit = LIMIT

    @classmethod
    def discover(cls):
        pause_and_end()
        yield {"n": 1}


@schema
class Sample(lv.Manual):
    definition = "n : int32"


@schema
class Slow(lv.Computed):
    definition = "-> Sample"
    make_time_limit = LIMIT

    def make(self, key):
        pause_and_end()
        self.insert1(key)


@schema
class Double(lv.Computed):
    definition = "-> Sample"

    def make(self, key):
        self.insert1(key)
"""
HANGING_SECONDS = 2.0
"""The time limit of what hangs: long enough for the test to withdraw the right before."""


def grant_of(role: access_pb2.Role, table: str = "") -> access_pb2.Grant:
    return access_pb2.Grant(grantee="anna", role=role, schema="pipeline", table=table)


def grant(connection: lv.Connection, role: access_pb2.Role, table: str = "") -> None:
    request = pb.GrantRoleRequest(grant=grant_of(role, table))
    connection.call("AccessService/GrantRole", request, pb.GrantRoleResponse)


def withdraw(connection: lv.Connection) -> None:
    """Leave anna the right to compute `Double`, and to read the rest."""
    grant(connection, access_pb2.ROLE_VIEWER)
    grant(connection, access_pb2.ROLE_WORKER, "Double")
    request = pb.RevokeRoleRequest(grant=grant_of(access_pb2.ROLE_EDITOR))
    connection.call("AccessService/RevokeRole", request, pb.RevokeRoleResponse)


@pytest.fixture
def anna(connection: lv.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let workers be those of a user who may edit the schema."""
    lv.Schema("pipeline", connection=connection)
    connection.call("AccessService/CreateUser", pb.CreateUserRequest(name="anna"), pb.CreateUserResponse)
    grant(connection, access_pb2.ROLE_EDITOR)
    made = connection.call("AccessService/CreateToken", pb.CreateTokenRequest(user="anna"), pb.CreateTokenResponse)
    monkeypatch.setenv("LEVADA_TOKEN", made.secret)


def pipeline(folder: Path, end: str) -> Path:
    write_pipeline(folder, "pipeline", PIPELINE.replace("LIMIT", str(HANGING_SECONDS) if end == "hang" else "None"))
    return folder


def withdraw_meanwhile(folder: Path, connection: lv.Connection, end: str) -> None:
    """Wait until a `make` or `discover` has begun, withdraw the right to its table, and let it end in some way."""
    begun = os.open(folder / "begun", os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert select.select([begun], [], [], TIMEOUT)[0], "nothing began"
    finally:
        os.close(begun)
    withdraw(connection)
    (folder / "go_on").write_text(end, encoding="utf-8")


@pytest.mark.usefixtures("anna")
@pytest.mark.parametrize("end", ["return", "raise", "hang"])
def test_worker_goes_on_without_the_right_to_what_it_discovers(
    tmp_path: Path, server_address: str, connection: lv.Connection, end: str
) -> None:
    with Worker(pipeline(tmp_path, end), server_address, "--tables", "Recording", "Double") as worker:
        withdraw_meanwhile(tmp_path, connection, end)
        assert "pipeline.Recording discover: 0 new rows" in worker.said("lost")
        lv.FreeTable(connection, "pipeline.Sample").insert([(7,)])
        assert "pipeline.Double" in worker.said("success")


@pytest.mark.usefixtures("anna")
@pytest.mark.parametrize("end", ["return", "raise", "hang", "die"])
def test_worker_goes_on_without_the_right_to_what_it_computes(
    tmp_path: Path, server_address: str, connection: lv.Connection, end: str
) -> None:
    with Worker(pipeline(tmp_path, end), server_address, "--tables", "Slow", "Double") as worker:
        worker.said("1 process for")
        samples = lv.FreeTable(connection, "pipeline.Sample")
        samples.insert([(1,)])
        withdraw_meanwhile(tmp_path, connection, end)
        told = {"return": "error ", "raise": "error ", "hang": "lost ", "die": "process"}[end]
        assert "pipeline.Slow" in worker.said(told)
        samples.insert([(7,)])
        assert '{"n": 7}' in worker.said('success pipeline.Double {"n": 7}')


@pytest.mark.usefixtures("anna")
def test_draining_worker_ends_without_a_table_that_it_may_not_compute_and_says_so(
    tmp_path: Path, server_address: str, connection: lv.Connection
) -> None:
    folder = pipeline(tmp_path, "return")
    with Worker(folder, server_address, "--tables", "Double", "--drain") as worker:  # declares the tables
        assert worker.end()[0] == 0
    lv.FreeTable(connection, "pipeline.Sample").insert([(1,)])
    withdraw(connection)
    with Worker(folder, server_address, "--tables", "Slow", "Double", "--drain") as worker:
        assert "pipeline.Slow" in worker.said("cannot refresh")
        assert worker.end()[0] == 1
    assert len(lv.FreeTable(connection, "pipeline.Double")) == 1

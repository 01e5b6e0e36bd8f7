"""`levada serve` as a process: it reports when it is ready, stops at a signal, and explains a failed start briefly."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import grpc
import psutil
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

import levada as lv
from levada_api.v1 import (
    object_service_pb2,
    object_service_pb2_grpc,
    schema_service_pb2,
    schema_service_pb2_grpc,
    server_service_pb2,
    server_service_pb2_grpc,
)
from levada_server.cli import main
from levada_server.rpc.server import ACCEPTORS
from levada_server.storage.objects.owners import OWNER
from tests.support.private_address import private_address

if TYPE_CHECKING:
    from collections.abc import Iterator

    import asyncpg

SERVE = [sys.executable, "-m", "levada_server", "serve"]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A data folder that the unprivileged user of an embedded PostgreSQL can reach, even if root runs the tests."""
    with tempfile.TemporaryDirectory(prefix="levada-serve-") as parent:
        Path(parent).chmod(0o711)
        yield Path(parent) / "data"


@contextmanager
def serving(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run a server until the block ends; yield the process and the address from its ready line."""
    process = subprocess.Popen(
        [*SERVE, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("levada serve: ready at "), process.communicate()[1]
        yield process, line.split()[4]
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


def refused(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a server that cannot start; its one line of complaint is the last of stderr."""
    result = subprocess.run([*SERVE, *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode != 0
    complaints = [line for line in result.stderr.splitlines() if line.startswith("levada serve:")]
    assert len(complaints) == 1, result.stderr
    assert "Traceback" not in result.stderr
    return result


def test_it_serves_from_an_embedded_database_and_keeps_its_data(folder: Path) -> None:
    for _ in range(2):
        with serving("--data-dir", str(folder), "--max-value", "16") as (process, address):
            announced = json.loads((folder / "server.json").read_text())
            assert announced["address"] == address
            assert announced["pid"] == process.pid
            with grpc.insecure_channel(address) as channel:
                stub = schema_service_pb2_grpc.SchemaServiceStub(channel)
                request = schema_service_pb2.CreateSchemaRequest(name="lab", allow_existing=True)
                created = stub.CreateSchema(request).created
                info = server_service_pb2_grpc.ServerServiceStub(channel).GetServerInfo(
                    server_service_pb2.GetServerInfoRequest()
                )
                assert info.embedded
                assert info.postgresql_version.startswith("18.")
                assert info.limits.value_bytes == 16 * 2**20
                stores = object_service_pb2_grpc.ObjectServiceStub(channel).ListStores(
                    object_service_pb2.ListStoresRequest()
                )
                assert [(store.name, store.preferred) for store in stores.stores] == [("default", True)]
        assert process.returncode == 0
        assert not (folder / "server.json").exists()
    assert not created  # the second server found the data of the first one


@pytest.mark.parametrize("megabytes", ["0", "257", "1.5"])
def test_a_limit_of_values_that_cannot_be_kept_is_refused(megabytes: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["serve", "--max-value", megabytes])
    assert caught.value.code == 2
    assert f"{megabytes!r} is not a whole number from 1 to 256" in capsys.readouterr().err


def test_a_folder_in_use_is_refused_and_names_the_holder(folder: Path) -> None:
    with serving("--data-dir", str(folder)) as (process, _):
        result = refused("--data-dir", str(folder))
    assert result.returncode == 2
    assert str(process.pid) in result.stderr


def test_a_taken_port_is_refused(database_url: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = refused("--database-url", database_url, "--listen", f"127.0.0.1:{port}")
    assert f"127.0.0.1:{port}" in result.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux spreads connections over all that share a port")
def test_calls_are_accepted_by_several_of_grpcs_servers(database_url: str) -> None:
    with serving("--database-url", database_url, "--listen", "127.0.0.1:0") as (process, address):
        port = int(address.rpartition(":")[2])
        listening = [
            each
            for each in psutil.Process(process.pid).net_connections("tcp")
            if each.status == psutil.CONN_LISTEN and each.laddr.port == port
        ]
        assert len(listening) == ACCEPTORS


def test_an_unreachable_database_is_told() -> None:
    assert "cannot be reached" in refused("--database-url", "postgresql://nobody@127.0.0.1:1/nothing").stderr


async def test_a_database_of_a_newer_server_is_told(
    database_url: str, connection: asyncpg.Connection[asyncpg.Record]
) -> None:
    await connection.execute("INSERT INTO levada.migration (number, name) VALUES (9999, 'later')")
    assert "newer than this server" in refused("--database-url", database_url).stderr


def test_stores_are_those_of_the_file_in_the_data_folder(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "big").mkdir()
    (tmp_path / "stores.toml").write_text('[stores.big]\nfolder = "big"\n')
    with (
        serving("--database-url", database_url, "--data-dir", str(tmp_path), "--listen", private_address()) as (
            _,
            address,
        ),
        grpc.insecure_channel(address) as channel,
    ):
        stub = object_service_pb2_grpc.ObjectServiceStub(channel)
        (store,) = stub.ListStores(object_service_pb2.ListStoresRequest()).stores
    assert (store.name, store.preferred, store.folder) == ("big", True, str(tmp_path.resolve() / "big"))


def test_a_store_without_its_folder_is_told(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "stores.toml").write_text('[stores.tape]\nfolder = "/no/such/disk"\n')
    arguments = ("--database-url", database_url, "--data-dir", str(tmp_path), "--listen", "127.0.0.1:0")
    assert "the store `tape` does not exist; mount its disk" in refused(*arguments).stderr
    (tmp_path / "stores.toml").write_text("[stores.tape]\nbucket = 'a'\n")
    assert "the store `tape` needs one line: folder" in refused(*arguments).stderr
    assert "cannot be read" in refused(*arguments, "--stores", str(tmp_path / "none.toml")).stderr


def test_it_does_not_listen_beyond_this_machine_by_itself(database_url: str) -> None:
    assert "--tls-in-front" in refused("--database-url", database_url, "--listen", "0.0.0.0:0").stderr


def connected(process: psutil.Process) -> int:
    """Count the connections to clients that a process serves."""
    return sum(
        connection.status == psutil.CONN_ESTABLISHED
        for connection in process.net_connections("tcp")
        if connection.laddr.ip.endswith("127.0.0.1")
    )


def test_several_processes_serve_one_port_and_replace_each_other(database_url: str) -> None:
    arguments = ("--database-url", database_url, "--listen", "127.0.0.1:0", "--processes", "2", "--grace", "0.1")
    with serving(*arguments) as (process, address), ExitStack() as opened:
        first = psutil.Process(process.pid)
        second = next(child for child in first.children() if "spawn_main" in " ".join(child.cmdline()))

        def call() -> int:
            # A new connection, which the system gives to either process.
            options = [("grpc.use_local_subchannel_pool", 1)]
            channel = opened.enter_context(grpc.insecure_channel(address, options))
            return int(health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest()).status)

        assert {call() for _ in range(40)} == {health_pb2.HealthCheckResponse.SERVING}
        assert connected(first) > 0
        assert connected(second) > 0
        second.kill()
        assert process.stderr is not None
        assert any("starting another" in line for line in process.stderr)
        assert call()
    assert process.returncode == 0
    assert not second.is_running()


@pytest.mark.parametrize("arguments", [("--listen", "unix:/tmp/levada-test.sock"), ("--idle-timeout", "5")])
def test_several_processes_where_they_cannot_be_are_told(database_url: str, arguments: tuple[str, str]) -> None:
    given = ("--listen", "127.0.0.1:0", *arguments) if arguments[0] != "--listen" else arguments
    assert arguments[0] in refused("--database-url", database_url, "--processes", "2", *given).stderr


def test_several_processes_do_not_join_another_server_on_its_port(database_url: str) -> None:
    arguments = ("--database-url", database_url, "--processes", "2")
    with serving(*arguments, "--listen", "127.0.0.1:0") as (_, address):
        assert address in refused(*arguments, "--listen", address).stderr


def test_a_server_says_at_its_start_that_a_store_is_another_databases(database_url: str, tmp_path: Path) -> None:
    owner = tmp_path / "data" / OWNER
    owner.parent.mkdir(parents=True)
    owner.write_text(str(UUID(int=1)), encoding="ascii")
    stores = tmp_path / "stores.toml"
    away = 'kind = "s3"\nbucket = "b"\nendpoint = "http://127.0.0.1:1"\nkey_id = "k"\nsecret = "s"'
    stores.write_text(f"[stores.away]\n{away}\n[stores.main]\nfolder = '{tmp_path / 'data'}'\n", encoding="utf-8")
    stores.chmod(0o600)
    arguments = ("--database-url", database_url, "--listen", "127.0.0.1:0", "--stores", str(stores), "--grace", "0.1")
    with serving(*arguments) as (process, _):
        assert process.stderr is not None
        assert any("The store `main` belongs to another database" in line for line in process.stderr)


def test_no_transaction_may_outlive_what_its_rows_name_in_stores(database_url: str) -> None:
    assert "at most 86400 s" in refused("--database-url", database_url, "--transaction-open", "604800").stderr


def test_an_idle_server_stops(database_url: str) -> None:
    result = subprocess.run(
        [*SERVE, "--database-url", database_url, "--listen", "127.0.0.1:0", "--idle-timeout", "0.2"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0
    assert "idle" in result.stderr


def test_health_and_reflection_answer(server_address: str) -> None:
    with grpc.insecure_channel(server_address) as channel:
        health = health_pb2_grpc.HealthStub(channel).Check(
            health_pb2.HealthCheckRequest(service="levada_api.v1.QueryService")
        )
        assert health.status == health_pb2.HealthCheckResponse.SERVING
        request = reflection_pb2.ServerReflectionRequest(list_services="")
        answers = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(iter([request]))
        names = {service.name for service in next(iter(answers)).list_services_response.service}
    assert {"levada_api.v1.SchemaService", "levada_api.v1.JobService", "grpc.health.v1.Health"} <= names


def test_log_may_be_json_with_the_id_of_each_call(database_url: str) -> None:
    options = ("--database-url", database_url, "--listen", private_address())
    with serving(*options, "--log-format", "json", "--log-level", "DEBUG") as (process, address):
        with grpc.insecure_channel(address) as channel:
            schemas = schema_service_pb2_grpc.SchemaServiceStub(channel)
            schemas.CreateSchema(schema_service_pb2.CreateSchemaRequest(name="lab", request_id="mine"))
            with pytest.raises(grpc.RpcError):
                schemas.DropSchema(schema_service_pb2.DropSchemaRequest(name="nothing"))
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    calls = [line for line in map(json.loads, said.splitlines()) if line["logger"] == "levada.calls"]
    created, asked = calls
    assert created["method"].endswith("/CreateSchema")
    assert (created["outcome"], created["request_id"]) == ("OK", "mine")
    assert created["milliseconds"] > 0
    assert (asked["method"].rpartition("/")[2], asked["outcome"]) == ("DropSchema", "NOT_FOUND")
    assert created["call"] != asked["call"]


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_clients_error_has_the_id_of_its_call_in_the_servers_log(database_url: str, log_format: str) -> None:
    options = ("--database-url", database_url, "--listen", private_address(), "--log-level", "DEBUG")
    with serving(*options, "--log-format", log_format) as (process, address):
        with lv.Connection(address) as at:
            nothing, errors = lv.FreeTable(at, "lab.Nothing"), []
            for failing in (nothing.to_dicts, nothing.fetch1, nothing.fetch1):  # alone, and on a stream
                with pytest.raises(lv.errors.UnknownSchema) as caught:
                    failing()
                errors.append(caught.value.call_id)
            with pytest.raises(lv.errors.UnknownSchema) as caught, at.transaction:
                nothing.fetch1()
            errors.append(caught.value.call_id)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    assert len(set(errors)) == 4
    lines = [line for line in said.splitlines() if "levada.calls" in line]
    for id_ in errors:
        named = f"(call {id_})" if log_format == "text" else f'"call": "{id_}"'
        assert ["NOT_FOUND" in line for line in lines if named in line] == [True]


STUCK = {
    "task": """
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                pass
    """,
    "thread": """
        await asyncio.to_thread(threading.Event().wait)
    """,
}
"""A round of a background task that nothing ends."""


@pytest.mark.parametrize("stuck", STUCK)
def test_it_ends_within_a_bound_whatever_does_not_stop_and_says_what_that_is(stuck: str, database_url: str) -> None:
    program = f"""
import asyncio, sys, threading
from levada_server import cli, deadline
from levada_server.operations.downstream import Downstream

class Stuck:
    async def refresh(self):
        {STUCK[stuck].strip()}

Downstream.refresh = Stuck.refresh
deadline.STOP_S = 0.5
sys.exit(cli.main())
"""
    arguments = ["serve", "--database-url", database_url, "--listen", "127.0.0.1:0", "--grace=0"]
    process = subprocess.Popen(
        [sys.executable, "-c", program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        process.terminate()
        log = process.communicate(timeout=60)[1]
    finally:
        process.kill()
    assert process.returncode == 1
    assert "did not stop within 0 s and is ended" in log
    assert ("task levada-downstream in Event.wait" if stuck == "task" else " in Condition.wait") in log


def test_the_limits_of_its_calls_are_those_of_the_command_line(database_url: str) -> None:
    limits = ("--statement-time", "1", "--fetch-time", "90", "--call-rows", "2000", "--call-gigabytes", "1")
    arguments = ("--database-url", database_url, "--listen", "127.0.0.1:0", *limits)
    with serving(*arguments) as (_, address), lv.connect(address) as connection:
        told = connection.limits
        assert (told.statement_time.seconds, told.fetch_time.seconds) == (1, 90)
        assert (told.call_rows, told.call_bytes) == (2000, 2**30)
        schema = lv.Schema("lab", connection=connection)

        @schema
        class Number(lv.Lookup):
            definition = "n : int32"

        Number.insert([(n,) for n in range(2000)])
        with pytest.raises(lv.errors.LimitReached, match="at most 2000 rows"):
            Number.insert([(n,) for n in range(2000, 4001)])
        products = Number() * Number.proj(m="n") * Number.proj(k="n") & "n * m * k = -1"
        with pytest.raises(lv.errors.DeadlineExceeded, match="ran out of time"):
            len(products)


@pytest.mark.parametrize("seconds", ["0", "soon", "1e9", "nan"])
def test_a_limit_that_is_no_time_is_refused(seconds: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["serve", "--statement-time", seconds])
    assert "not a number of seconds from 1 to 604800" in capsys.readouterr().err

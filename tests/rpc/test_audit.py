"""Refused calls and reads of confidential schemas are in the audit, from a real server to the command line."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import asyncpg
import grpc.aio
import pytest

import levada as lv
from levada._cli.main import main
from levada.errors import LevadaError
from levada_server.app import running
from levada_server.config import Settings
from tests.rpc.test_authentication import outcome, token

if TYPE_CHECKING:
    from pathlib import Path


TESTS = ("levada._cli.main",)


async def test_the_audit_of_a_server(database_url: str, tmp_path: Path) -> None:
    async with running(Settings(database_url, tmp_path, "127.0.0.1:0", grace_s=0.1)) as (_, address):

        def prepare() -> None:
            with lv.Connection(address) as connection:
                schema = lv.Schema("lab", connection=connection)
                schema(type("Subject", (lv.Manual,), {"definition": "subject : int32"}))
                lv.FreeTable(connection, "lab.Subject").insert({"subject": number} for number in range(3))
                assert main(["audit", "reads", "lab", "on", "--url", address]) == 0
                assert schema.confidential

        await asyncio.to_thread(prepare)
        good = await token(address)

        def try_things() -> None:
            with lv.Connection(address, good) as connection:
                for name in ("lab.Subject", "levada.Audit"):
                    with suppress(LevadaError):
                        lv.FreeTable(connection, name).to_dicts()
            with lv.Connection(address) as connection:
                table = lv.FreeTable(connection, "lab.Subject")
                assert len(table.to_arrow()) == 3
                assert (table & {"subject": 1}).fetch1() == {"subject": 1}
                with connection.transaction:
                    assert len(table) == 3

        await asyncio.to_thread(try_things)
        async with grpc.aio.insecure_channel(address) as channel:
            for _ in range(3):
                assert await outcome(channel, "Bearer lev_wrong") == "UNAUTHENTICATED"
    connection = await asyncpg.connect(database_url)
    rows = await connection.fetch("SELECT * FROM levada.audit ORDER BY time, id")
    await connection.close()
    found = [(row["username"], row["method"], row["outcome"], row["subject"], row["row_count"]) for row in rows]
    assert ("administrator", "DeclareTable", "OK", "lab.Subject", 0) in found
    assert ("administrator", "InsertFewRows", "OK", "lab.Subject", 3) in found
    assert ("anna", "FetchRelation", "UNKNOWN_SCHEMA", "lab.Subject", 0) in found
    assert ("anna", "FetchRelation", "UNKNOWN_SCHEMA", "levada.Audit", 0) in found
    reading = ("FetchRelation", "FetchFewRows", "CountRelation")
    reads = [entry[1:] for entry in found if entry[1] in reading and entry[0] == "administrator"]
    assert reads == [
        ("FetchRelation", "OK", "lab.Subject", 3),
        ("FetchFewRows", "OK", "lab.Subject", 1),
        ("CountRelation", "OK", "lab.Subject", 3),
    ]
    refused = [row for row in rows if row["outcome"] == "UNAUTHENTICATED"]
    assert {(row["username"], row["method"], row["address"]) for row in refused} == {
        ("nobody", "GetCaller", "127.0.0.1")
    }
    tokens = {row["token"] for row in rows if row["username"] == "anna"}
    assert len(tokens) == 1
    assert None not in tokens


async def test_the_audit_is_listed(
    database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(Settings(database_url, tmp_path, "127.0.0.1:0", grace_s=0.1)) as (_, address):
        monkeypatch.setenv("LEVADA_URL", address)

        def ask() -> list[str]:
            listed = []
            for words in (["grants", "list", "x"], ["users", "add", "anna"], ["teams", "set", "crew", "anna"]):
                main(words)
            for words in ([], ["--subject", "team:crew"], ["--refused"], ["--since", "2999-01-01"], ["--limit", "1"]):
                capsys.readouterr()
                assert main(["audit", "list", *words]) == 0
                listed.append(capsys.readouterr().out)
            return listed

        everything, crew, refused, later, last = await asyncio.to_thread(ask)
    with pytest.raises(SystemExit):
        main(["audit", "list", "--since", "yesterday"])
    assert "'yesterday' is not a time such as 2026-01-31" in capsys.readouterr().err
    assert "CreateUser" in everything
    assert "SetTeam" in everything
    assert "SetTeam" in crew
    assert "CreateUser" not in crew
    assert len(refused.splitlines()) == len(later.splitlines()) == 1
    assert "SetTeam" in last
    assert len(last.splitlines()) == 2

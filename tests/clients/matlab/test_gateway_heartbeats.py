"""Heartbeats: leases last while M code computes and makes no call."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import levada as lv
from tests.clients.matlab.conftest import Prompt

if TYPE_CHECKING:
    from collections.abc import Iterator

    import asyncpg


@pytest.fixture
def prompt(server_address: str) -> Iterator[Prompt]:
    """Octave with a worker session of an hour and its heartbeat, many a second."""
    with Prompt(server_address) as opened:
        for line in (
            "gateway = @levada.internal.calls.gateway; service = '/levada_api.v1.JobService/';",
            "connection.Channel = gateway('connect', address, '', '');",
            "worker = struct('host', 'here', 'process', 1, 'user', 'me');",
            "request = struct('worker', worker, 'lease_duration', struct('seconds', 3600));",
            "answer = levada.internal.calls.call(connection, [service 'CreateWorkerSession'], request);",
            "session = answer.worker_session;",
            "beat = gateway('beatStart', connection.Channel, session, 0.1);",
        ):
            opened.type(line)
        yield opened


async def test_a_lease_lasts_while_octave_computes(
    prompt: Prompt, connection: asyncpg.Connection[asyncpg.Record]
) -> None:
    prompt.type("disp('computing: now'); total = 0; while true, total = total + 1; end")
    prompt.wait("computing")
    nearly_over = "UPDATE levada.worker_session SET expire_time = now() + interval '1 minute'"
    assert await connection.execute(nearly_over) == "UPDATE 1"
    renewed = "SELECT count(*) FROM pg_sleep(0.01), levada.worker_session WHERE expire_time > now() + interval '30 min'"
    while not await connection.fetchval(renewed):
        pass
    prompt.interrupt()
    prompt.type("report = gateway('beatReport', beat); fprintf('reachable: %d\\n', report.reachable)")
    assert prompt.wait("reachable") == "1"


async def test_cancelled_jobs_and_ended_sessions_are_reported(prompt: Prompt, server_address: str) -> None:
    with lv.Connection(server_address) as connection:
        schema = lv.Schema("lab", connection=connection)

        @schema
        class Number(lv.Lookup):
            definition = "number : int32"
            contents = ((1,),)

        @schema
        class Square(lv.Computed):
            definition = """
            -> Number
            ---
            square : int32
            """

            def make(self, key: dict[str, int]) -> None:
                raise NotImplementedError

        Square.jobs.refresh()
        prompt.type("reserve = struct('worker_session', session);")
        prompt.type("reserve.names = {struct('schema', 'lab', 'table', 'square')};")
        prompt.type(
            "answer = levada.internal.calls.call(connection, [service 'ReserveJobs'], reserve); leases = answer.leases;"
        )
        prompt.type("fprintf('leases: %d\\n', numel(leases))")
        assert prompt.wait("leases") == "1"
        Square.jobs.cancel()
    prompt.type("report = struct('cancelled_lease_tokens', {{}}, 'ended_sessions', {{}});")
    prompt.type("while isempty(report.cancelled_lease_tokens), report = gateway('beatReport', beat); end")
    prompt.type("same = isequal(report.cancelled_lease_tokens, {leases{1}.lease_token});")
    prompt.type("fprintf('cancelled: %d\\n', same)")
    assert prompt.wait("cancelled") == "1"

    prompt.type("gateway('beatAdd', beat, '00000000-0000-0000-0000-000000000000');")
    prompt.type("while isempty(report.ended_sessions), report = gateway('beatReport', beat); end")
    prompt.type("fprintf('ended: %s\\n', report.ended_sessions{1})")
    assert prompt.wait("ended") == "00000000-0000-0000-0000-000000000000"
    prompt.type("fprintf('reachable: %d\\n', report.reachable)")
    assert prompt.wait("reachable") == "1"
    prompt.type("gateway('beatStop', beat); gateway('beatStop', beat); disp('stopped: yes')")
    assert prompt.wait("stopped") == "yes"

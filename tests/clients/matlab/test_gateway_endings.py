"""However a call ends: Ctrl-C, a dead server, a cleared or ended interpreter; and nothing stays behind."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

import levada as lv
from tests.clients.matlab.conftest import Prompt, serving
from tests.clients.matlab.m_tests import FOLDER
from tests.support.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Iterator

    import asyncpg

    from tests.clients.matlab.conftest import Octave

_CONNECT = "connection = levada.internal.calls.Caller(address, '', '');"
_COUNT = "levada.internal.calls.call(connection, '/levada_api.v1.QueryService/CountRelation', struct('relation', few))"
# Each number with each other, and that again: more rows than anybody waits for.
_RELATIONS = """
    table = @(name) struct('table', struct('name', struct('schema', 'lab', 'table', name)));
    few = struct('nodes', {{table('number')}});
    join = struct('join', struct('left', 0, 'right', 1));
    many = struct('nodes', {{table('number'), table('letter'), join}});
"""
_FETCH = "levada.internal.query.streamColumns(connection, struct('relation', many))"
_ROWS = 4000
_HEARD_SECONDS = 0.2


@pytest.fixture
def prompt(server_address: str) -> Iterator[Prompt]:
    """Octave beside a server whose tables have a product of millions of rows."""
    _fill(server_address)
    with Prompt(server_address) as opened:
        for line in [_CONNECT, *_RELATIONS.strip().splitlines()]:
            opened.type(line)
        yield opened


def _fill(address: str) -> None:
    with lv.Connection(address) as connection:
        schema = lv.Schema("lab", connection=connection)

        @schema
        class Number(lv.Manual):
            definition = "number : int32"

        @schema
        class Letter(lv.Manual):
            definition = "letter : int32"

        Number.insert(pa.table({"number": range(_ROWS)}))
        Letter.insert(pa.table({"letter": range(_ROWS)}))


_QUERY = (
    "SELECT count(*) FROM pg_sleep(0.01), pg_stat_activity WHERE datname = current_database() "
    "AND query ~ 'letter' AND pid <> pg_backend_pid() AND xact_start IS NOT NULL"
)
_SESSIONS = "SELECT count(*) FROM pg_sleep(0.01), levada.worker_session"
_TRANSACTION = "opened = levada.conn(); opened.transaction(@() fetch({}, '*'))"
_PRODUCT = "levada.FreeTable('lab.Number') * levada.FreeTable('lab.Letter')"


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(_FETCH, id="fetch"),
        pytest.param(_COUNT.replace("few", "many"), id="count"),
        pytest.param(_TRANSACTION.format(_PRODUCT), id="transaction"),
    ],
)
async def test_ctrl_c_is_heard_at_once(
    line: str, prompt: Prompt, connection: asyncpg.Connection[asyncpg.Record]
) -> None:
    prompt.type("levada.connect(address);")
    seconds: list[float] = []
    while not seconds or (min(seconds) > _HEARD_SECONDS and len(seconds) < 20):  # a busy machine is often slow
        prompt.type(f"{line}; disp('done: all')")
        while not await connection.fetchval(_QUERY):
            pass
        begun = time.monotonic()
        prompt.interrupt()
        prompt.type("disp('back: yes')")
        prompt.wait("back")
        seconds.append(time.monotonic() - begun)
        prompt.type(f"answer = {_COUNT}; fprintf('counted: %d\\n', answer.entity_count)")
        assert prompt.wait("counted") == str(_ROWS)
        while await connection.fetchval(_QUERY):
            pass
    assert min(seconds) <= _HEARD_SECONDS, seconds


async def test_ctrl_c_ends_a_worker_without_jobs_at_once(
    prompt: Prompt, connection: asyncpg.Connection[asyncpg.Record]
) -> None:
    prompt.type(f"addpath('{FOLDER}'); levada.connect(address); levada.config('safemode', false);")
    seconds: list[float] = []
    while not seconds or (min(seconds) > _HEARD_SECONDS and len(seconds) < 20):  # a busy machine is often slow
        prompt.type(f"insert(lab.Large, {{{len(seconds)}}}); levada.worker(lab.LargeCopy)")
        assert prompt.wait("worker").startswith("success")
        # From now on the worker asks for the next job, and waits.
        begun = time.monotonic()
        prompt.interrupt()
        prompt.type("disp('back: yes')")
        prompt.wait("back")
        seconds.append(time.monotonic() - begun)
        while await connection.fetchval(_SESSIONS):
            pass  # no lease outlives it
        prompt.type("fprintf('counted: %d\\n', count(lab.LargeCopy))")
        assert prompt.wait("counted") == str(len(seconds))
    assert min(seconds) <= _HEARD_SECONDS, seconds


async def test_ctrl_c_ends_populate_while_make_waits(
    prompt: Prompt, connection: asyncpg.Connection[asyncpg.Record]
) -> None:
    prompt.type(f"addpath('{FOLDER}'); levada.connect(address); insert(lab.Large, {{1}});")
    seconds: list[float] = []
    while not seconds or (min(seconds) > _HEARD_SECONDS and len(seconds) < 20):  # a busy machine is often slow
        prompt.type("populate(lab.Endless)")
        while not await connection.fetchval(_QUERY):
            pass
        begun = time.monotonic()
        prompt.interrupt()
        prompt.type("disp('back: yes')")
        prompt.wait("back")
        seconds.append(time.monotonic() - begun)
        prompt.type("fprintf('free: %d\\n', count(reserved(jobs(lab.Endless))))")
        assert prompt.wait("free") == "0"
        while await connection.fetchval(_QUERY) or await connection.fetchval(_SESSIONS):
            pass
    assert min(seconds) <= _HEARD_SECONDS, seconds


def test_a_killed_server_is_told_and_its_successor_answers(database_url: str, port: int) -> None:
    address = f"127.0.0.1:{port}"
    with serving(database_url, port) as process, Prompt(address) as prompt:
        _fill(address)
        for line in [_CONNECT, *_RELATIONS.strip().splitlines()]:
            prompt.type(line)
        prompt.type("function told = refusal(f); told = 'nothing'; try, f(); catch e, told = e.identifier; end; end")
        # In the middle of a fetch.
        prompt.type(f"id = levada.internal.calls.gateway('start', connection.Channel, {_method('Query', 'Fetch')}")
        prompt.type("state = 'pending'; while strcmp(state, 'pending')")
        prompt.type("[state, first] = levada.internal.calls.gateway('poll', id, 0.1); end")
        prompt.type("fprintf('state: %s\\n', state)")
        assert prompt.wait("state") == "message"
        process.kill()
        process.wait()
        prompt.type("while ~strcmp(state, 'done'), [state, m] = levada.internal.calls.gateway('poll', id, 0.1); end")
        prompt.type("fprintf('fetch: %s\\n', refusal(@() levada.internal.calls.gateway('finish', id)))")
        assert prompt.wait("fetch") == "levada:Unavailable"
        with serving(database_url, port) as successor:
            prompt.type(f"answer = {_COUNT}; fprintf('counted: %d\\n', answer.entity_count)")
            assert prompt.wait("counted") == str(_ROWS)
            # In the middle of an insert: its header is sent, its rows are not.
            prompt.type(f"id = levada.internal.calls.gateway('start', connection.Channel, {_method('Row', 'Insert')}")
            prompt.type("fprintf('sent: %d\\n', levada.internal.calls.gateway('send', id, insert))")
            assert prompt.wait("sent") == "1"
            successor.kill()
            successor.wait()
            prompt.type("fprintf('insert: %s\\n', refusal(@() levada.internal.calls.awaitResponse(id)))")
            assert prompt.wait("insert") == "levada:Unavailable"
        with serving(database_url, port):
            prompt.type(f"answer = {_COUNT}; fprintf('counted: %d\\n', answer.entity_count)")
            assert prompt.wait("counted") == str(_ROWS)


def test_a_lost_answer_is_asked_for_again(server_address: str) -> None:
    """A count and an insert whose answers are cut off: both succeed, and the rows are there once."""
    _fill(server_address)
    with (
        lv.Connection(server_address) as connection,
        Proxy([server_address]) as middle,
        Prompt(middle.address) as prompt,
    ):
        number = lv.VirtualModule("lab", "lab", connection=connection).Number
        for line in [_CONNECT, *_RELATIONS.strip().splitlines()]:
            prompt.type(line)
        prompt.type(f"answer = {_COUNT}; fprintf('counted: %d\\n', answer.entity_count)")
        assert prompt.wait("counted") == str(_ROWS)
        middle.withhold()
        prompt.type("header.name = struct('schema', 'lab', 'table', 'number');")
        prompt.type("header.request_id = levada.internal.calls.gateway('requestId');")
        prompt.type("column = struct('name', 'number', 'kind', 'double', 'values', 1e6, 'nulls', []);")
        prompt.type("pieces = levada.internal.rows.encodeColumns(column);")
        prompt.type("requests = {struct('header', header), struct('arrow_ipc', pieces{1})};")
        method = "'/levada_api.v1.RowService/InsertRows'"
        prompt.type(f"answer = levada.internal.calls.sendStream(connection, {method}, requests);")
        while len(number()) == _ROWS:
            pass
        middle.cut()
        prompt.type("fprintf('inserted: %d\\n', answer.row_count)")
        assert prompt.wait("inserted") == "1"
        middle.cut()
        prompt.type(f"answer = {_COUNT}; fprintf('counted: %d\\n', answer.entity_count)")
        assert prompt.wait("counted") == str(_ROWS + 1)


def _method(service: str, verb: str) -> str:
    if verb == "Fetch":
        return "'/levada_api.v1.QueryService/FetchRelation', struct('relation', many), 600);"
    header = "insert = struct('header', struct('name', struct('schema', 'lab', 'table', 'number')));"
    return f"'/levada_api.v1.{service}Service/InsertRows', [], 600); {header}"


def test_an_interpreter_may_be_cleared_and_ended_at_any_time(octave: Octave) -> None:
    """Calls, a heartbeat and a channel are under way in both cases; `run` sees that the process ends in order."""
    _fill(octave.address)
    octave.run(
        _RELATIONS
        + _CONNECT
        + """
        beat = levada.internal.calls.gateway('beatStart', connection.Channel, 'nobody', 0.02);
        for i = 1:5
            fetch = {connection.Channel, '/levada_api.v1.QueryService/FetchRelation', struct('relation', many), 60};
            id = levada.internal.calls.gateway('start', fetch{:});
            session = levada.internal.api.openSession(connection);
            levada.internal.calls.gateway('poll', id, 0.02);
            clear mex
            clear functions
        end
        fetch = {connection.Channel, '/levada_api.v1.QueryService/FetchRelation', struct('relation', many), 60};
        id = levada.internal.calls.gateway('start', fetch{:});
        levada.internal.calls.gateway('poll', id, 0.1);
        """
    )


def test_memory_stays_flat(octave: Octave) -> None:
    """Over thousands of calls that answer, fail, stream and are cancelled."""
    _fill(octave.address)
    octave.run(
        _RELATIONS
        + _CONNECT
        + """
        function kilobytes = resident()
            file = fopen('/proc/self/status'); text = fread(file, '*char')'; fclose(file);
            kilobytes = str2double(regexp(text, 'VmRSS:\\s+(\\d+)', 'tokens', 'once'){1});
        end
        wrong = struct('relation', struct('nodes', {{table('nothing')}}));
        count = '/levada_api.v1.QueryService/CountRelation';
        value = struct('cells', {{1, 'x', {int64(3), @() 1}}}, 'text', repmat('x', 1, 1e5));
        kept = levada.internal.values.encodeValue(struct('cells', {{1, 'x', {int64(3)}}}, 'numbers', ones(100, 100)));
        for i = 1:2000
            if i == 200, before = resident(); end
            levada.internal.calls.call(connection, '/levada_api.v1.ServerService/GetServerInfo', struct());
            levada.internal.values.decodeValue(kept);
            try, levada.internal.values.encodeValue(value); catch, end
            if mod(i, 4) == 0
                try, levada.internal.calls.call(connection, count, wrong); catch, end
            end
            if mod(i, 10) == 0
                columns = levada.internal.query.streamColumns(connection, struct('relation', few));
                levada.internal.rows.encodeColumns(struct('name', 'number', 'kind', 'double', ...
                    'values', columns.columns.values, 'nulls', []));
            end
            if mod(i, 50) == 0
                id = levada.internal.calls.gateway('start', connection.Channel, ...
                    '/levada_api.v1.QueryService/FetchRelation', struct('relation', many), 60);
                levada.internal.calls.gateway('poll', id, 0.1);
                levada.internal.calls.gateway('cancel', id);
            end
        end
        grown = resident() - before;
        if grown > 8 * 1024, error('test:Failed', 'grown by %d kB', grown); end
        """
    )

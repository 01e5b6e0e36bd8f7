"""Calls through the gateway: one message each way, streams, transactions, errors by reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import levada as lv
from tests.clients.matlab.conftest import Octave, Prompt, serving
from tests.support.odd_peer import ended, peer, reset

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_CONNECT = """
    call = @levada.internal.calls.call;
    connection = levada.internal.calls.Caller(address, '', '');
    name = struct('schema', 'lab', 'table', 'mouse');
    mice = struct('nodes', {{struct('table', struct('name', name))}});
    function expect(condition, text)
        if ~condition, error('test:Failed', 'Not so: %s', text); end
    end
    function told = refusal(action)
        told.identifier = 'nothing was raised';
        try, action(); catch told, end
    end
"""


@pytest.fixture
def mouse(octave: Octave) -> Iterator[type[lv.Manual]]:
    """An empty table, as Python declares it."""
    with lv.Connection(octave.address) as connection:

        @lv.Schema("lab", connection=connection)
        class Mouse(lv.Manual):
            definition = """
            mouse_id : int32
            ---
            weight = null : float64
            name = '' : varchar(40)
            """

        yield Mouse


def test_calls_give_what_the_server_says(octave: Octave, mouse: type[lv.Manual]) -> None:
    mouse.insert([(1, 20.5, "Ana"), (2, None, "Zoë 🐭")])
    octave.run(
        _CONNECT
        + """
        info = call(connection, '/levada_api.v1.ServerService/GetServerInfo', struct());
        expect(ischar(info.version) && islogical(info.embedded) && isstruct(info.limits), 'what it is');
        answer = call(connection, '/levada_api.v1.QueryService/CountRelation', struct('relation', mice));
        expect(answer.entity_count == 2 && isa(answer.entity_count, 'int64'), 'two mice');
        columns = levada.internal.query.streamColumns(connection, struct('relation', mice));
        expect(columns.row_count == 2 && isequal(columns.primary_key, {'mouse_id'}), 'two rows');
        expect(isequal({columns.columns.name}, {'mouse_id', 'weight', 'name'}), 'names');
        expect(isequal({columns.columns.kind}, {'numeric', 'numeric', 'text'}), 'kinds');
        expect(isequal(columns.columns(1).values, [1; 2]), 'keys are doubles');
        expect(isequaln(columns.columns(2).values, [20.5; NaN]), 'a missing number is NaN');
        expect(isequal(columns.columns(2).nulls, [false; true]) && isempty(columns.columns(1).nulls), 'nulls');
        expect(isequal(columns.columns(3).values, 'AnaZoë 🐭'), 'text is flat');
        expect(sum(columns.columns(3).lengths) == numel('AnaZoë 🐭'), 'lengths count chars');
        """
    )


def test_rows_are_inserted_as_columns(octave: Octave, mouse: type[lv.Manual]) -> None:
    octave.run(
        _CONNECT
        + """
        columns = struct('name', {'mouse_id', 'weight', 'name'}, 'kind', {'int64', 'double', 'text'}, ...
            'values', {int64([1; 2]), [20.5; 0], {'Ana'; 'Zoë 🐭'}}, 'nulls', {[], [false; true], []});
        pieces = levada.internal.rows.encodeColumns(columns);
        header = struct('header', struct('name', name, 'request_id', levada.internal.calls.gateway('requestId')));
        requests = [{header}, cellfun(@(piece) struct('arrow_ipc', piece), pieces, 'UniformOutput', false)];
        insert = @(requests) levada.internal.calls.sendStream(connection, ...
            '/levada_api.v1.RowService/InsertRows', requests);
        expect(isequal(insert(requests), struct('row_count', int64(2))), 'two rows were inserted');
        requests{1}.header.request_id = levada.internal.calls.gateway('requestId');
        told = refusal(@() insert(requests));
        expect(strcmp(told.identifier, 'levada:DuplicateEntity'), told.identifier);
        expect(isempty(strfind(told.message, 'levada_gateway')), 'the message is the server''s');
        last = levada.internal.calls.gateway('lastError');
        expect(strcmp(last.metadata.row, '0') && strcmp(last.metadata.table, 'lab.Mouse'), 'details');
        """
    )
    assert mouse.to_dicts() == [
        {"mouse_id": 1, "weight": 20.5, "name": "Ana"},
        {"mouse_id": 2, "weight": None, "name": "Zoë 🐭"},
    ]


def test_transactions_keep_all_or_nothing(octave: Octave, mouse: type[lv.Manual]) -> None:
    octave.run(
        _CONNECT
        + """
        one = struct('name', 'mouse_id', 'kind', 'double', 'values', 1, 'nulls', []);
        one = levada.internal.rows.encodeColumns(one);
        insert = {struct('insert_rows', struct('header', struct('name', name)), 'more', true), ...
                  struct('insert_rows', struct('arrow_ipc', one{1}))};
        session = levada.internal.api.openSession(connection);
        ask = @(varargin) levada.internal.calls.askSession(session, varargin);
        count = struct('count_relation', struct('relation', mice));
        told = fieldnames(ask(struct('begin', struct())){1});
        expect(isempty(setdiff(told, {'more', 'unanswered_position'})), 'a begin has nothing to tell');
        answers = ask(insert{:});
        expect(answers{1}.insert_rows.row_count == 1, 'one row');
        answers = ask(insert{:});
        expect(strcmp(answers{1}.error.identifier, 'levada:DuplicateEntity'), 'the error comes as an answer');
        expect(strcmp(answers{1}.error.metadata.table, 'lab.Mouse'), 'with details');
        expect(ask(count){1}.count_relation.entity_count == 1, 'the transaction sees its row');
        outside = call(connection, '/levada_api.v1.QueryService/CountRelation', struct('relation', mice));
        expect(outside.entity_count == 0, 'others do not');
        levada.internal.calls.endSession(session);
        levada.internal.calls.endSession(session);
        session = levada.internal.api.openSession(connection);
        levada.internal.calls.askSession(session, {struct('begin', struct())});
        levada.internal.calls.askSession(session, insert);
        levada.internal.calls.askSession(session, {struct('commit', struct())});
        outside = call(connection, '/levada_api.v1.QueryService/CountRelation', struct('relation', mice));
        expect(outside.entity_count == 1, 'a commit shows the row');
        """
    )


def test_wrong_requests_are_refused_by_name(octave: Octave) -> None:
    octave.run(
        _CONNECT
        + """
        count = @(relation) call(connection, '/levada_api.v1.QueryService/CountRelation', struct('relation', relation));
        function check(told, identifier, part)
            expect(strcmp(told.identifier, identifier), told.identifier);
            expect(~isempty(strfind(told.message, part)), told.message);
        end
        invalid = 'levada:InvalidRequest';
        check(refusal(@() count(mice)), 'levada:UnknownSchema', 'lab');
        check(refusal(@() count(struct('node', {{}}))), invalid, 'request.relation: Relation has no field `node`');
        check(refusal(@() count(struct('nodes', 5))), invalid, 'request.relation.nodes is a cell row');
        check(refusal(@() count(5)), invalid, 'request.relation is a scalar struct');
        twice = struct('table', struct('name', name), 'restrict', struct());
        check(refusal(@() count(struct('nodes', {{twice}}))), invalid, 'more than one of');
        half = struct('max_jobs', 1.5);
        check(refusal(@() call(connection, '/levada_api.v1.JobService/ReserveJobs', half)), invalid, 'max_jobs');
        part = struct('part_integrity', 'PART');
        check(refusal(@() call(connection, '/levada_api.v1.RowService/PlanDelete', part)), invalid, '`PART` is no');
        check(refusal(@() call(connection, '/levada_api.v1.QueryService/Guess', struct())), invalid, 'Guess');
        check(refusal(@() levada.internal.calls.gateway('guess')), invalid, 'guess');
        check(refusal(@() levada.internal.calls.gateway('connect', 'somewhere', '', '')), invalid, 'somewhere');
        levada.internal.calls.gateway('close', connection.Channel);
        levada.internal.calls.gateway('close', connection.Channel);
        check(refusal(@() count(mice)), 'levada:Unavailable', 'closed');
        """
    )


@pytest.mark.parametrize(
    "answer", [reset(2), ended(status="500"), ended(grpc_status="13")], ids=["reset", "HTTP 500", "no reason"]
)
def test_a_call_that_ends_on_its_way_is_told_as_a_lost_server(octave: Octave, answer: Callable[[int], bytes]) -> None:
    with peer(answer) as address:
        octave.run(
            _CONNECT.replace("address", f"'{address}'")
            + """
            told = refusal(@() call(connection, '/levada_api.v1.ServerService/GetServerInfo', struct()));
            expect(strcmp(told.identifier, 'levada:Unavailable'), told.identifier);
            expect(~isempty(strfind(told.message, 'is out of reach')), told.message);
            """
        )


def test_addresses(octave: Octave) -> None:
    octave.run(
        _CONNECT
        + """
        for address = {'localhost:1', '[::1]:50051', 'https://lab.org', 'grpcs://lab.org:8443', 'http://lab', ...
                'grpc://lab:1', 'unix:/tmp/socket', 'https://lab.org/'}
            levada.internal.calls.gateway('close', levada.internal.calls.gateway('connect', address{1}, '', ''));
        end
        for address = {'', 'lab', 'lab:port', ':50051', 'ftp://lab', 'https://'}
            told = refusal(@() levada.internal.calls.gateway('connect', address{1}, '', ''));
            expect(strcmp(told.identifier, 'levada:InvalidRequest'), address{1});
            expect(~isempty(strfind(told.message, 'is not a server address')), told.message);
        end
        """
    )


def test_a_server_at_a_socket_stays_while_a_client_is_present(database_url: str, tmp_path: Path) -> None:
    address = f"unix:{tmp_path / 'socket'}"
    with Prompt(address) as prompt:
        prompt.type("connection = levada.internal.calls.Caller(address, '', '');")
        with serving(database_url, 0, "--listen", address, "--idle-timeout", "2") as process:
            method = "'/levada_api.v1.ServerService/GetServerInfo'"
            information = f"levada.internal.calls.call(connection, {method}, struct());"
            prompt.type(f"{information} levada.internal.calls.gateway('stayPresent', connection.Channel);")
            prompt.type(f"pause(3); {information} disp('stayed: yes')")
            assert prompt.wait("stayed") == "yes"
            prompt.type("levada.internal.calls.gateway('close', connection.Channel);")
            assert process.wait(30) == 0, "the server ends after its last client"


def test_stubs_call_their_methods(octave: Octave, mouse: type[lv.Manual]) -> None:
    mouse.insert1((1, 20.5, "Ana"))
    output = octave.run(
        _CONNECT
        + """
        api = fullfile(fileparts(fileparts(which('levada.internal.calls.call'))), '+api');
        for file = dir(fullfile(api, '*.m'))'
            [~, method] = fileparts(file.name);
            expect(nargin(['levada.internal.api.' method]) ~= 0, [method ' can be called']);
        end
        answer = levada.internal.api.countRelation(connection, struct('relation', mice));
        expect(answer.entity_count == 1, 'a stub of one message each way');
        answers = levada.internal.api.fetchRelation(connection, struct('relation', mice));
        pieces = cellfun(@(one) one.arrow_ipc, answers, 'UniformOutput', false);
        columns = levada.internal.rows.decodeColumns(pieces);
        expect(columns.row_count == 1, 'a stream');
        help levada.internal.api.countRelation
        """
    )
    assert "Return how many entities a relation has." in output

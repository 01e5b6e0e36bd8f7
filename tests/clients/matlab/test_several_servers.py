"""A connection to several servers of one database."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import levada as lv
from levada_api.v1 import access_service_pb2 as pb
from tests.clients.matlab.conftest import Prompt, serving

if TYPE_CHECKING:
    from tests.clients.matlab.conftest import Octave


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        for probe in (one, other):
            probe.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1]), int(other.getsockname()[1])


def test_calls_go_on_at_the_other_server_when_one_is_killed(database_url: str) -> None:
    first, second = _free_ports()
    servers = f"127.0.0.1:{first},127.0.0.1:{second}"
    with (
        serving(database_url, first) as one,
        serving(database_url, second),
        lv.Connection(f"127.0.0.1:{first}") as owner,
        Prompt(servers) as prompt,
    ):
        owner.call("AccessService/CreateUser", pb.CreateUserRequest(name="anna"), pb.CreateUserResponse)
        token = owner.call(
            "AccessService/CreateToken", pb.CreateTokenRequest(user="anna"), pb.CreateTokenResponse
        ).secret
        prompt.type(f"connection = levada.connect(address, '{token}');")
        prompt.type("for n = 1:6, levada.listSchemas(); end, disp('before: yes')")
        assert prompt.wait("before") == "yes"
        one.kill()
        one.wait()
        prompt.type("for n = 1:6, levada.listSchemas(); end, disp('after: yes')")
        assert prompt.wait("after") == "yes"


def test_a_list_with_something_else_is_refused(octave: Octave) -> None:
    octave.run(
        """
        for given = {'one:1,', ',one:1', 'one:1,two', 'https://one,,two'}
            try, levada.connect(given{1}); error('test:Failed', '%s was taken', given{1}); catch told, end
            assert(strcmp(told.identifier, 'levada:InvalidRequest'), told.message);
            assert(~isempty(strfind(told.message, 'is not a server address')), told.message);
        end
        try, levada.connect('nowhere.invalid:1,nowhere2.invalid:2'); catch told, end
        assert(~isempty(strfind(told.message, 'None of the hosts')), told.message);
        """
    )

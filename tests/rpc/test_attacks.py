"""Messages made to kill, freeze or fill a server: each gets a clear error, and other calls are answered meanwhile."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import grpc
import pytest

from levada_api.v1 import query_service_pb2 as queries
from levada_api.v1 import relation_pb2 as relations
from levada_api.v1 import server_service_pb2 as information
from tests.support.attacks import ANSWERS, ATTACKS, QUERY, declare_target, name, raw

if TYPE_CHECKING:
    from collections.abc import Iterator

HELD_S = 0.1
"""How long the event loop may be held by one message."""
NOISE = 3
"""How many times slower a machine of CI may be."""
GROWN_BYTES = 600 * 2**20
"""How much memory all attacks may leave behind or take."""


class Watched:
    """A server whose event loop and memory are watched."""

    def __init__(self, database_url: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.watched_server", database_url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._asked, self._told = self._process.stdin, self._process.stdout
        self.address = self._told.readline().strip()

    def held_and_memory(self) -> tuple[float, int]:
        """Return the longest hold of the loop since the last time, in seconds, and the memory of the process."""
        self._asked.write("\n")
        self._asked.flush()
        held, memory = self._told.readline().split()
        return float(held), int(memory)

    def end(self) -> None:
        self._asked.close()
        assert self._process.wait(60) == 0
        self._told.close()


@pytest.fixture
def watched(database_url: str) -> Iterator[Watched]:
    server = Watched(database_url)
    yield server
    server.end()


def test_no_message_kills_freezes_or_fills_a_server(watched: Watched) -> None:
    options = [("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(watched.address, options=options) as channel:
        declare_target(channel)
        _, before = watched.held_and_memory()
        answers, holds = {}, {}
        for attack, (method, make) in ATTACKS.items():
            answers[attack] = raw(channel, method, make())
            holds[attack], memory = watched.held_and_memory()
            assert memory - before < GROWN_BYTES, attack
            assert raw(channel, "ServerService/GetServerInfo", information.GetServerInfoRequest())[0] == "OK"
        unclear = {attack: answer for attack, answer in answers.items() if answer[0] not in ANSWERS or not answer[1]}
        assert not unclear
        slow = {attack: held for attack, held in holds.items() if held > HELD_S * NOISE}
        assert not slow
        count = queries.CountRelationRequest(
            relation=relations.Relation(nodes=[relations.RelationNode(table=relations.TableOperand(name=name()))])
        )
        assert raw(channel, f"{QUERY}/CountRelation", count)[0] == "OK"

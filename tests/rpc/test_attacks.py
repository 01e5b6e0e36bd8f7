"""Messages made to kill, freeze or fill a server: each gets a clear error, and other calls are answered meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc
import pytest

from levada_api.v1 import query_service_pb2 as queries
from levada_api.v1 import relation_pb2 as relations
from levada_api.v1 import schema_service_pb2 as schemas
from levada_api.v1 import server_service_pb2 as information
from tests.support.attacks import ANSWERS, ATTACKS, QUERY, SCHEMA, declare_target, name, raw
from tests.support.watched import BESIDE, HELD_S, Watched

if TYPE_CHECKING:
    from collections.abc import Iterator

GROWN_BYTES = 600 * 2**20
"""How much memory all attacks may leave behind or take."""


@pytest.fixture
def watched(database_url: str) -> Iterator[Watched]:
    server = Watched(database_url)
    yield server
    server.end()


def seconds_to_copy_a_byte(channel: grpc.Channel, watched: Watched) -> float:
    """Measure how long gRPC copies a byte of a message, which it does in the loop's thread before anybody sees it."""
    content = schemas.GetGraphRequest(schemas=["x" * (60 * 2**20)]).SerializeToString()
    raw(channel, f"{SCHEMA}/GetGraph", content)
    return watched.since_last().computed_s / len(content)


def test_no_message_kills_freezes_or_fills_a_server(watched: Watched) -> None:
    options = [("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(watched.address, options=options) as channel:
        declare_target(channel)
        before = watched.since_last().memory
        answers, slow = {}, {}
        copied_s = seconds_to_copy_a_byte(channel, watched)
        for attack, (method, make) in ATTACKS.items():
            request = make()
            content = request if isinstance(request, bytes) else request.SerializeToString()
            answers[attack] = raw(channel, method, content)
            past = watched.since_last()
            assert past.memory - before < GROWN_BYTES, attack
            copying_s = copied_s * len(content)
            if past.computed_s > HELD_S + copying_s or past.held_s > BESIDE * HELD_S + copying_s:
                slow[attack] = past
            assert raw(channel, "ServerService/GetServerInfo", information.GetServerInfoRequest())[0] == "OK"
        unclear = {attack: answer for attack, answer in answers.items() if answer[0] not in ANSWERS or not answer[1]}
        assert not unclear
        assert not slow
        count = queries.CountRelationRequest(
            relation=relations.Relation(nodes=[relations.RelationNode(table=relations.TableOperand(name=name()))])
        )
        assert raw(channel, f"{QUERY}/CountRelation", count)[0] == "OK"

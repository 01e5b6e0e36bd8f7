"""Addresses of several servers."""

from __future__ import annotations

import socket

import pytest

from levada._net.balancing import route
from levada._net.credentials import parse_address
from levada.errors import InvalidRequest, Unavailable

TESTS = ("levada._net.credentials",)


@pytest.mark.parametrize(
    ("address", "places", "encrypted"),
    [
        ("one:1,two:2", ("one:1", "two:2"), True),
        ("127.0.0.1:1, 127.0.0.1:2", ("127.0.0.1:1", "127.0.0.1:2"), False),
        ("127.0.0.1:1,two:2", ("127.0.0.1:1", "two:2"), True),
        ("https://one,two:2,[::1]", ("one:443", "two:2", "[::1]:443"), True),
        ("http://one:1,two", ("one:1", "two:80"), False),
    ],
)
def test_commas_separate_servers(address: str, places: tuple[str, ...], encrypted: bool) -> None:
    target = parse_address(address)
    assert (target.places, target.encrypted) == (places, encrypted)


@pytest.mark.parametrize("address", ["one:1,", ",one:1", "one:1,two", "https://one,,two", "one"])
def test_a_list_with_something_else_is_refused(address: str) -> None:
    with pytest.raises(InvalidRequest, match="is not a server address"):
        parse_address(address)


def test_one_address_is_called_as_it_is() -> None:
    assert route(parse_address("127.0.0.1:1")).options == ()
    assert route(parse_address("unix:/run/levada.sock")).name == "unix:/run/levada.sock"


@pytest.mark.parametrize(
    ("addresses", "balanced"),
    [
        (("::1", "127.0.0.1", "127.0.0.1"), False),
        (("127.0.0.2", "127.0.0.3"), True),
        (("::1", "::2", "127.0.0.1"), True),
    ],
)
def test_a_name_is_of_several_servers_if_it_has_several_addresses_of_a_kind(
    monkeypatch: pytest.MonkeyPatch, addresses: tuple[str, ...], balanced: bool
) -> None:
    kinds = {True: socket.AF_INET6, False: socket.AF_INET}
    known = [(kinds[":" in one], socket.SOCK_STREAM, 6, "", (one, 50051)) for one in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: known)  # the names of this machine are not the test's
    way = route(parse_address("lab.example.org:50051"))
    assert (way.name, bool(way.options)) == ("lab.example.org:50051", balanced)


def test_several_addresses_take_turns_and_an_unknown_host_is_left_out() -> None:
    way = route(parse_address("127.0.0.1:1,127.0.0.1:2,unknown.invalid:3"))
    assert way.name == "ipv4:127.0.0.1:1,127.0.0.1:2"
    options = dict(way.options)
    assert "round_robin" in options["grpc.service_config"]
    assert options["grpc.ssl_target_name_override"] == "127.0.0.1"


def test_a_list_of_unknown_hosts_is_out_of_reach() -> None:
    with pytest.raises(Unavailable, match=r"one\.invalid:1, two\.invalid:2"):
        route(parse_address("one.invalid:1,two.invalid:2"))

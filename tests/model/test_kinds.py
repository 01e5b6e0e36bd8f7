"""The table of kinds agrees with itself."""

from __future__ import annotations

from collections import Counter

import pytest

from levada_server.model.kinds import Family, Kind
from levada_server.model.types import parse_type


def test_no_two_kinds_share_a_spelling() -> None:
    assert [n for n, count in Counter(n for kind in Kind for n in kind.traits.names).items() if count > 1] == []


@pytest.mark.parametrize(("name", "kind"), [(name, kind) for kind in Kind for name in kind.traits.names])
def test_each_spelling_reads_as_its_kind(name: str, kind: Kind) -> None:
    assert parse_type(name).kind is kind
    assert parse_type(str(parse_type(name))) == parse_type(name)


def test_whole_numbers_alone_have_limits() -> None:
    assert {kind for kind in Kind if kind.traits.limits} == {
        *(k for k in Kind if k.traits.family is Family.INTEGER),
        Kind.UINT64,
    }

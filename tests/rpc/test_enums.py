"""Numbers that an enum does not have, negative ones included, are refused wherever an enum is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from google.protobuf import descriptor_pool

from levada_api.methods import METHODS
from levada_server.errors import InvalidRequest
from levada_server.rpc.decoding import values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from google.protobuf.descriptor import Descriptor, EnumDescriptor

READERS: dict[str, Callable[[int], object]] = {
    "tier": values.tier,
    "make_contract": values.contract,
    "states": values.job_state,
    "part_integrity": values.part_integrity,
    "isolation": values.isolation,
    "compressions": values.compression,
    "role": values.role,
}
"""How each field of an enum is read."""


def _enums(message: Descriptor, seen: set[str]) -> Iterator[tuple[str, EnumDescriptor]]:
    if message.full_name in seen:
        return
    seen.add(message.full_name)
    for field in message.fields:
        if field.enum_type is not None:
            yield field.name, field.enum_type
        elif field.message_type is not None:
            yield from _enums(field.message_type, seen)


def _enums_of_requests() -> dict[str, EnumDescriptor]:
    seen: set[str] = set()
    pool = descriptor_pool.Default()
    requests = [pool.FindMessageTypeByName(f"levada_api.v1.{method.name}Request") for method in METHODS.values()]
    found = dict(entry for request in requests for entry in _enums(request, seen))
    del found["null"]  # of a value: it says all by being there
    return found


def test_every_enum_that_a_client_sends_has_a_reader() -> None:
    assert set(_enums_of_requests()) == set(READERS)


@pytest.mark.parametrize("name", READERS)
def test_what_an_enum_does_not_have_is_refused_by_the_name_of_its_field(name: str) -> None:
    known = {value.number for value in _enums_of_requests()[name].values}
    for number in {-(2**31), -3, -2, -1, max(known) + 1, 2**31 - 1}:
        with pytest.raises(InvalidRequest, match=f"`{name}`") as refused:
            READERS[name](number)
        assert refused.value.details["field"] == name
    for number in known - {0}:
        READERS[name](number)

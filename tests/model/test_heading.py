from __future__ import annotations

import pytest

from levada_server.errors import UnknownAttribute
from levada_server.model.heading import Attribute, Default, Heading, Origin, ordered
from levada_server.model.kinds import Kind
from levada_server.model.types import AttributeType

INT32 = AttributeType(Kind.INT32)
HEADING = Heading((Attribute("a", INT32, primary_key=True), Attribute("b", INT32), Attribute("c", INT32)))


def test_a_heading_gives_its_attributes_in_order_and_by_name() -> None:
    assert HEADING.names == ("a", "b", "c")
    assert HEADING.primary_key == ("a",)
    assert HEADING.secondary == ("b", "c")
    assert HEADING["b"].name == "b"
    assert "c" in HEADING and "d" not in HEADING


def test_an_unknown_attribute_is_told_with_those_that_exist() -> None:
    with pytest.raises(UnknownAttribute, match="no attribute `d`; there are a, b, c") as caught:
        HEADING["d"]
    assert caught.value.details == {"attribute": "d"}


def test_ordered_puts_the_key_first_in_its_own_order() -> None:
    heading = ordered(HEADING, ["c", "b"])
    assert heading.names == ("c", "b", "a")
    assert heading.primary_key == ("c", "b")
    assert not heading["a"].primary_key


@pytest.mark.parametrize(("key", "determined"), [(["a"], True), (["a", "c"], True), (["a", "d"], False), ([], True)])
def test_a_heading_determines_another_if_it_has_its_key(key: list[str], determined: bool) -> None:
    other = Heading(tuple(Attribute(name, INT32, primary_key=True) for name in key))
    assert HEADING.determines(other) is determined


def test_origins_are_the_same_whatever_they_are_called() -> None:
    assert Origin(1, "lab.Subject.id") == Origin(1, "lab.Animal.id")
    assert Origin(1, "lab.Subject.id") != Origin(2, "lab.Subject.id")


@pytest.mark.parametrize(
    ("default", "spelled"),
    [
        (Default("5"), "5"),
        (Default("x", quoted=True), '"x"'),
        (Default('a "b" \\', quoted=True), '"a \\"b\\" \\\\"'),
    ],
)
def test_a_default_is_spelled_as_in_a_definition(default: Default, spelled: str) -> None:
    assert str(default) == spelled


def test_a_quoted_word_is_text() -> None:
    assert Default("null").null and not Default("null", quoted=True).null
    assert Default("CURRENT_TIMESTAMP").current_timestamp
    assert not Default("CURRENT_TIMESTAMP", quoted=True).current_timestamp

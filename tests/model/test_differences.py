from __future__ import annotations

from dataclasses import replace

import pytest

from levada_server.model.differences import differences
from levada_server.model.heading import Heading
from levada_server.model.table import Tier
from tests.model.pipeline import declared, lab, stored

EXISTING = (
    "# spikes\n-> lab.Subject\nunit : int16  # number\n---\nrate = 1 : float64\n-> [nullable] lab.User\nindex (rate)"
)


@pytest.mark.parametrize(
    "definition",
    [
        EXISTING,
        "#spikes\n-> lab.Subject\nunit:smallint#number\n----\nrate='1.0':double\n->[NULLABLE] lab.User\nindex(rate)",
    ],
)
def test_an_equal_definition_differs_in_nothing(definition: str) -> None:
    tables = lab()
    existing = stored(declared(EXISTING, tables=tables), tables)
    assert differences(declared(definition, tables=tables), existing) == ()


def test_the_comment_of_a_parent_does_not_count() -> None:
    tables = lab()
    existing = stored(declared(EXISTING, tables=tables), tables)
    parent = tables["lab.Subject"]
    tables["lab.Subject"] = replace(
        parent, heading=Heading(tuple(replace(a, comment="changed") for a in parent.heading))
    )
    declared_again = declared(EXISTING, tables=tables)
    assert declared_again.heading["subject_id"].comment == "changed"
    assert differences(declared_again, existing) == ()


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("# spikes", "# units", ["the table's comment is `units`, and `spikes` in the database"]),
        (
            "rate = 1 : float64",
            "rate = 1 : float32",
            [
                "the attribute `rate` is `rate = 1 : float32`, and `rate = 1 : float64` in the database",
            ],
        ),
        (
            "# number",
            "# counted",
            [
                "the attribute `unit` is `unit : int16  # counted`, and `unit : int16  # number` in the database",
            ],
        ),
        ("---\n", "---\nnote : text\n", ["the attribute `note` is not in the database"]),
        (
            "unit : int16  # number\n---\n",
            "---\nunit : int16  # number\n",
            ["the primary key is (subject_id), and (subject_id, unit) in the database"],
        ),
        (
            "rate = 1 : float64\n-> [nullable] lab.User",
            "-> [nullable] lab.User\nrate = 1 : float64",
            [
                "the order of attributes is subject_id, unit, username, rate, "
                "and subject_id, unit, rate, username in the database"
            ],
        ),
        (
            "-> [nullable] lab.User",
            "-> [nullable, unique] lab.User",
            [
                "the foreign key (username) to lab.User is `-> [nullable, unique] lab.User`, "
                "and `-> [nullable] lab.User` in the database"
            ],
        ),
        (
            "-> lab.Subject\n",
            "-> other.Subject\n",
            [
                "the foreign key (subject_id) to other.Subject is not in the database",
                "the foreign key (subject_id) to lab.Subject is in the database only",
            ],
        ),
        (
            "index (rate)",
            "unique index (rate)",
            ["the index (rate) is `unique index (rate)`, and `index (rate)` in the database"],
        ),
        ("\nindex (rate)", "", ["the index (rate) is in the database only"]),
    ],
)
def test_a_difference_is_told(old: str, new: str, expected: list[str]) -> None:
    tables = lab()
    existing = stored(declared(EXISTING, tables=tables), tables)
    assert old in EXISTING
    assert list(differences(declared(EXISTING.replace(old, new), tables=tables), existing)) == expected


def test_another_tier_is_told() -> None:
    tables = lab()
    existing = stored(declared(EXISTING, tables=tables), tables)
    assert differences(replace(existing, tier=Tier.LOOKUP), existing) == (
        "the tier is lookup, and manual in the database",
    )

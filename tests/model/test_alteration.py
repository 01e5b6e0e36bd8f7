from __future__ import annotations

from dataclasses import replace

import pytest

from levada_server.errors import InvalidRequest, UnknownAttribute
from levada_server.model.alteration import alteration, convertible
from levada_server.model.changes import RetypeAttribute
from levada_server.model.table import Table, TableName, Tier
from levada_server.model.types import parse_type
from tests.model.pipeline import declared, lab, stored

EXISTING = """# units
-> lab.Subject
unit : int16  # counts up
---
rate = 1 : float64  # Hz
label : varchar(10)
-> [nullable] lab.User
index (rate)
"""


def altered(definition: str, renames: dict[str, str] | None = None, **wanted: object) -> tuple[str, ...]:
    """Return the lines of the changes from `EXISTING` to another definition."""
    tables = lab()
    existing = stored(declared(EXISTING, tables=tables), tables)
    table: Table = replace(declared(definition, tables=tables), **wanted)  # type: ignore[arg-type]  # as given
    return tuple(map(str, alteration(existing, table, renames or {}).changes))


@pytest.mark.parametrize(
    ("old", "new", "renames", "lines"),
    [
        ("units", "units", {}, ()),
        ("label : varchar(10)", "label:  VARCHAR(10)", {}, ()),
        ("# units", "# neurons", {}, ("change the comment of the table from `units` to `neurons`",)),
        ("label : varchar(10)\n", "", {}, ("drop the attribute `label : varchar(10)` and all its values",)),
        (
            "index (rate)",
            "depth = null : int8",
            {},
            ("drop the `index (rate)`", "add the attribute `depth = null : int8`"),
        ),
        ("index (rate)", "unique index (rate)", {}, ("drop the `index (rate)`", "add the `unique index (rate)`")),
        ("label", "tag", {"tag": "label"}, ("rename the attribute `label` to `tag`",)),
        ("rate", "speed", {"speed": "rate"}, ("rename the attribute `rate` to `speed`",)),
        ("unit : ", "cell : ", {"cell": "unit"}, ("rename the attribute `unit` to `cell`",)),
        ("varchar(10)", "int32", {}, ("change the type of `label` from varchar(10) to int32",)),
        ("rate = 1", "rate = 2", {}, ("make `2` the default of `rate`",)),
        ("rate = 1", "rate", {}, ("drop the default `1` of `rate`",)),
        ("rate = 1", "rate = null", {}, ("let `rate` be null", "drop the default `1` of `rate`")),
        ("label", "label = null", {}, ("let `label` be null",)),
        ("# Hz", "# 1/s", {}, ("change the comment of `rate` from `Hz` to `1/s`",)),
        (
            "-> [nullable] lab.User\n",
            "",
            {},
            (
                "drop the foreign key `-> [nullable] lab.User`",
                "drop the attribute `username = null : varchar(20)` and all its values",
            ),
        ),
        (
            "-> [nullable] lab.User",
            "-> [nullable, unique] lab.User",
            {},
            ("change the foreign key `-> [nullable] lab.User` to `-> [nullable, unique] lab.User`",),
        ),
        (
            "-> [nullable] lab.User",
            "-> [nullable] lab.User.proj(owner='username')",
            {"owner": "username"},
            ("rename the attribute `username` to `owner`",),
        ),
        (
            "rate = 1 : float64  # Hz\nlabel : varchar(10)\n",
            "label : varchar(10)\nrate = 1 : float64  # Hz\n",
            {},
            ("put the attributes in the order subject_id, unit, label, rate, username",),
        ),
    ],
)
def test_a_change_is_told_in_a_line(old: str, new: str, renames: dict[str, str], lines: tuple[str, ...]) -> None:
    assert altered(EXISTING.replace(old, new), renames) == lines


def test_two_attributes_can_change_places() -> None:
    definition = EXISTING.replace("rate = 1 : float64  # Hz", "label = 1 : float64  # Hz").replace(
        "label : varchar(10)\n", "rate : varchar(10)\n", 1
    )
    definition = definition.replace("index (rate)", "index (label)")
    assert altered(definition, {"rate": "label", "label": "rate"}) == (
        "rename the attribute `rate` to `label`",
        "rename the attribute `label` to `rate`",
    )


def test_the_table_gets_another_name_or_tier() -> None:
    assert altered(EXISTING, name=TableName("lab", "Neuron"), tier=Tier.LOOKUP) == (
        "rename the table from `Child` to `Neuron`",
        "change the tier from manual to lookup",
    )


def test_the_comment_of_a_parent_stays_as_it_was() -> None:
    tables = lab()
    existing = stored(declared(EXISTING, tables=tables), tables)
    other = lab()
    heading = other["lab.Subject"].heading
    changed = tuple(replace(a, comment="changed") for a in heading)
    other["lab.Subject"] = replace(other["lab.Subject"], heading=replace(heading, attributes=changed))
    assert alteration(existing, declared(EXISTING, tables=other), {}).changes == ()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("unit : int16", "unit : int32"),
        ("unit : int16", "cell : int16"),
        ("unit : int16  # counts up\n", ""),
        ("-> lab.Subject\nunit : int16  # counts up\n", "unit : int16\n-> lab.Subject\n"),
        ("-> lab.Subject\n", "subject_id : int32\n"),
        ("-> lab.Subject\n", "-> other.Subject\n"),
        ("-> lab.Subject\n", ""),
        ("---\nrate = 1 : float64  # Hz\n", "rate = 1 : float64  # Hz\n---\n"),
        ("---\n", "-> lab.Session\n---\n"),
    ],
)
def test_a_change_of_the_key_is_refused_with_the_way_around(old: str, new: str) -> None:
    with pytest.raises(InvalidRequest, match=r"(?s)Child.*new table.*insert.*drop"):
        altered(EXISTING.replace(old, new))


@pytest.mark.parametrize("tier", [Tier.COMPUTED, Tier.IMPORTED, Tier.PART])
def test_a_tier_whose_rows_come_from_elsewhere_is_refused(tier: Tier) -> None:
    with pytest.raises(InvalidRequest, match=f"manual.*{tier.value}.*new table"):
        altered(EXISTING, tier=tier)


@pytest.mark.parametrize(
    ("new", "renames", "error"),
    [
        ("label", {"label": "nothing"}, UnknownAttribute),
        ("label", {"nothing": "label"}, UnknownAttribute),
        ("tag : int8\nlabel", {"tag": "label"}, InvalidRequest),
        ("tag : varchar(10)\nlog", {"tag": "label", "log": "label"}, InvalidRequest),
    ],
)
def test_a_rename_that_cannot_be_is_refused(new: str, renames: dict[str, str], error: type[InvalidRequest]) -> None:
    with pytest.raises(error, match="label"):
        altered(EXISTING.replace("label", new), renames)


@pytest.mark.parametrize(
    ("old", "new", "possible"),
    [
        ("int8", "int64", True),
        ("int64", "int8", True),  # the rows decide
        ("int32", "decimal(10,2)", True),
        ("bool", "uint8", True),
        ("float64", "varchar(20)", True),
        ("text", "date", True),
        ("enum('a')", "enum('a', 'b')", True),
        ("date", "timestamptz", True),
        ("text", "json", True),
        ("decimal(4,2)", "decimal(5,2)", True),
        ("time", "datetime", False),
        ("date", "int32", False),
        ("uuid", "int64", False),
        ("bytes", "<blob>", False),
        ("<blob>", "text", False),
        ("<array float32(2)>", "<array float32(3)>", False),
        ("<blob@a>", "<blob@b>", False),
    ],
)
def test_which_types_can_follow_each_other(old: str, new: str, possible: bool) -> None:
    assert convertible(parse_type(old), parse_type(new)) is possible


def test_a_type_that_cannot_take_the_values_is_refused() -> None:
    with pytest.raises(InvalidRequest, match=r"label.*<blob>.*another name"):
        altered(EXISTING.replace("varchar(10)", "<blob>"))


def test_a_change_of_type_knows_both() -> None:
    tables = lab()
    existing = stored(declared(EXISTING, tables=tables), tables)
    [change] = alteration(existing, declared(EXISTING.replace("varchar(10)", "text"), tables=tables), {}).changes
    assert isinstance(change, RetypeAttribute)
    assert (str(change.old.type), str(change.new.type)) == ("varchar(10)", "text")

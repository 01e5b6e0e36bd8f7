from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from levada_server.errors import InvalidDefinition
from levada_server.model.description import describe
from levada_server.model.kinds import Family, Kind
from levada_server.model.types import AttributeType, quote_label
from tests.model.pipeline import declared, lab, stored

if TYPE_CHECKING:
    from random import Random

    from levada_server.model.table import Table

DESCRIBED = [
    "# spikes\n-> lab.Session  # recorded in\nunit : int16  # within it\n---\nrate = null : float64\n",
    "-> lab.Subject.proj(animal='subject_id')\n---\n-> [nullable, unique] lab.User\nindex (animal, username)\n",
    "subject_id = 1 : int32  # of the colony\n-> lab.Subject\n",
    '-> lab.Subject\n-> lab.Session\n---\nx = "it\'s \\"so\\": #1 \\\\" : text  # "quoted": \'x\' \\ y\n',
    "session : int16  # counts up\n-> lab.Session\n",
    "a : int8\n---\nusername : varchar(20)\n-> [nullable] lab.User\n",
    "a : int64 auto_increment\n---\nb : <array float32(3,)>\nunique index ((a % 2))\n",
    "---\nvolume : int8\n",
    "-> lab.Subject\n---\n-> lab.Subject.proj(mother='subject_id')\n-> lab.Subject.proj(father='subject_id')\n",
]


@pytest.mark.parametrize("definition", DESCRIBED)
def test_a_description_reads_like_a_definition(definition: str) -> None:
    assert describe(declared(definition)) == definition


def test_a_part_names_its_master() -> None:
    definition = "-> master\n-> lab.User\nevent : int16\n"
    assert describe(declared(definition, "lab.Session.Event")) == definition


def test_the_older_spelling_is_described_in_the_current_one() -> None:
    older = "(animal) -> lab.Subject (subject_id)\n-----\nside = left : enum('left','right')\nraw = NULL : longblob"
    assert describe(declared(older)) == (
        "-> lab.Subject.proj(animal='subject_id')\n---\nside = \"left\" : enum('left', 'right')\nraw = null : <blob>\n"
    )


# ------------------------------------------------------------------------------------------- random pipelines

TEXTS = ["", "x", "it's", '"', "\\", "\\'", "''", "#", ":", "a: b # c", "null", ")", "\\\\", "é\u2028"]
NAMES = ["a", "b", "c", "index", "order", "subject_id", "session"]
TYPES = [
    AttributeType(Kind.INT8),
    AttributeType(Kind.UINT32),
    AttributeType(Kind.INT64),
    AttributeType(Kind.FLOAT32),
    AttributeType(Kind.FLOAT64),
    AttributeType(Kind.BOOL),
    AttributeType(Kind.DECIMAL, precision=6, scale=2),
    AttributeType(Kind.CHAR, length=8),
    AttributeType(Kind.VARCHAR, length=200),
    AttributeType(Kind.TEXT),
    AttributeType(Kind.ENUM, labels=tuple(TEXTS)),
    AttributeType(Kind.DATE),
    AttributeType(Kind.DATETIME, length=3),
    AttributeType(Kind.TIMESTAMPTZ),
    AttributeType(Kind.UUID),
    AttributeType(Kind.JSON),
    AttributeType(Kind.BLOB),
    AttributeType(Kind.ARRAY, dtype="uint16", shape=(3, 4)),
    AttributeType(Kind.ATTACH),
    AttributeType(Kind.OBJECT, codec="attach"),
    AttributeType(Kind.OBJECT, codec="npy", store="raw"),
]
DEFAULTS = {
    Kind.BOOL: ("0", "TRUE"),
    Kind.UUID: ("'12345678123456781234567812345678'",),
    **dict.fromkeys((Kind.INT8, Kind.INT16, Kind.INT32, Kind.INT64), ("0", "-7", "'+12'")),
    **dict.fromkeys((Kind.FLOAT32, Kind.FLOAT64), ("0", "-1.50", "1e-7", "nan", "'inf'")),
    **dict.fromkeys((Kind.UINT32, Kind.DECIMAL), ("0", "15", "'12'")),
    **dict.fromkeys((Kind.DATE, Kind.DATETIME, Kind.TIMESTAMPTZ), ("'2024-02-29'", "current_timestamp")),
}


def a_comment(random: Random) -> str:
    return "# " + random.choice(TEXTS).rstrip("\\")


def a_default(random: Random, type_: AttributeType) -> str:
    quote = random.choice("'\"")
    text = quote + random.choice(TEXTS).replace("\\", "\\\\").replace(quote, quote * 2) + quote
    values = DEFAULTS.get(type_.kind, (text,) if type_.family is Family.TEXT else ())
    return f" = {random.choice([*values, 'null'])}"


def an_attribute_line(random: Random, name: str, type_: AttributeType) -> str:
    default = random.choice(["", a_default(random, type_)])
    counted = random.choice(["", " auto_increment"]) if type_.kind is Kind.INT64 else ""
    return f"{name}{default} : {type_}{counted} {a_comment(random)}"


def a_foreign_key_line(random: Random, parent: Table) -> str:
    key = parent.heading.primary_key
    old = random.sample(key, random.choice([0, 0, random.randint(0, len(key))]))
    new = [random.choice(NAMES) for _ in old]
    options = random.choice(["", "", "[nullable] ", "[unique] ", "[Unique, NULLABLE] "])
    if old and random.random() < 0.5:
        return f"({', '.join(new)}) -> {options}{parent.name} ({', '.join(old)}) {a_comment(random)}"
    pairs = ", ".join(f"{to}='{of}'" for to, of in zip(new, old, strict=True))
    return f"-> {options}{parent.name}.proj({pairs}) {a_comment(random)}"


def an_index_line(random: Random) -> str:
    items = random.sample([*NAMES, "(a + ')' )", "c.path:int"], random.randint(1, 3))
    return f"{random.choice(['', 'unique '])}index ({', '.join(items)})"


def a_line(random: Random, parents: list[Table]) -> str:
    """Return the line of a foreign key, of an attribute (which a foreign key may bring as well), or of an index."""
    inherited = random.choice([attribute for parent in parents for attribute in parent.heading])
    return random.choice(
        [
            a_foreign_key_line(random, random.choice(parents)),
            a_foreign_key_line(random, random.choice(parents)),
            an_attribute_line(random, inherited.name, inherited.type),
            an_attribute_line(random, inherited.name, inherited.type),
            an_attribute_line(random, random.choice(NAMES), random.choice(TYPES)),
            an_index_line(random),
        ]
    )


def a_definition(random: Random, name: str, tables: dict[str, Table]) -> str:
    """Draw lines, and keep each line that the language accepts after the lines before it."""
    parents = [
        tables[parent] for parent in ("lab.Subject", "lab.Session", "lab.First", "lab.Second") if parent in tables
    ]
    above = [a_line(random, parents) for _ in range(random.randint(0, 4))]
    below = [a_line(random, parents) for _ in range(random.randint(0, 5))]
    kept: list[str] = []
    last = "z : int8"
    for line in [a_comment(random), *(["-> master"] if name.endswith("Part") else []), *above, "---", *below]:
        try:
            declared("\n".join([*kept, line, last]), name, tables)
        except InvalidDefinition:
            continue
        kept.append(line)
    return "\n".join([*kept, last])


@settings(max_examples=150, deadline=None)
@given(st.randoms(use_true_random=True))
def test_a_description_declares_the_same_table(random: Random) -> None:
    tables = lab()
    for name in ("lab.First", "lab.Second", "lab.Second.Part", "lab.Third"):
        table = declared(a_definition(random, name, tables), name, tables)
        assert declared(describe(table), name, tables) == table
        stored(table, tables)


LABEL = st.sampled_from(TEXTS) | st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=12)


@settings(deadline=None)
@given(st.lists(LABEL, min_size=1, unique=True))
def test_any_label_survives(labels: list[str]) -> None:
    type_ = AttributeType(Kind.ENUM, labels=tuple(labels))
    table = declared(f"a = {quote_label(labels[0])} : {type_}  # {labels[-1].rstrip(' ' + chr(92))}")
    assert table.heading["a"].type == type_
    assert declared(describe(table)) == table

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from levada_server.errors import InvalidDefinition
from levada_server.model.description import describe
from levada_server.model.types import AttributeType, Kind, quote_label
from tests.model.pipeline import declared, lab, stored

if TYPE_CHECKING:
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

PRINTABLE = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=12)
LABEL = PRINTABLE | st.sampled_from(["'", '"', "\\", "\\'", "''", "#", ":", "a: b # c", "null", ")", "\\\\"])
COMMENT = st.just("") | LABEL.map(lambda text: text.strip().rstrip("\\").strip())
NAME = st.sampled_from(["a", "b", "c", "d", "e", "index", "order", "subject_id", "x9_"])

KEY_TYPES = [
    AttributeType(Kind.INT8),
    AttributeType(Kind.UINT32),
    AttributeType(Kind.INT64),
    AttributeType(Kind.FLOAT64),
    AttributeType(Kind.BOOL),
    AttributeType(Kind.DECIMAL, precision=6, scale=2),
    AttributeType(Kind.VARCHAR, length=200),
    AttributeType(Kind.TEXT),
    AttributeType(Kind.DATE),
    AttributeType(Kind.DATETIME, length=3),
    AttributeType(Kind.TIMESTAMPTZ),
    AttributeType(Kind.UUID),
]
OTHER_TYPES = [
    AttributeType(Kind.FLOAT32),
    AttributeType(Kind.CHAR, length=3),
    AttributeType(Kind.JSON),
    AttributeType(Kind.BYTES),
    AttributeType(Kind.BLOB),
    AttributeType(Kind.ARRAY, dtype="uint16", shape=(3, 4)),
    AttributeType(Kind.OBJECT, codec="attach"),
    AttributeType(Kind.OBJECT, codec="npy", store="raw"),
]
ENUM = st.lists(LABEL, min_size=1, max_size=4, unique=True).map(
    lambda labels: AttributeType(Kind.ENUM, labels=tuple(labels))
)


def quoted(text: str, quote: str) -> str:
    return quote + text.replace("\\", "\\\\").replace(quote, quote * 2) + quote


@st.composite
def defaults(draw: st.DrawFn, type_: AttributeType) -> str:
    """Draw `= value `, or nothing."""
    match type_.kind:
        case Kind.INT8 | Kind.UINT32 | Kind.INT64:
            value = st.sampled_from(["0", "+7", "'12'"])
        case Kind.FLOAT32 | Kind.FLOAT64:
            value = st.sampled_from(["0", "-1.50", "1e-7", "nan", "'inf'"])
        case Kind.DECIMAL:
            value = st.sampled_from(["0", "-1.5", "'12.25'"])
        case Kind.BOOL:
            value = st.sampled_from(["0", "TRUE"])
        case Kind.VARCHAR | Kind.TEXT:
            value = st.builds(quoted, LABEL, st.sampled_from("'\""))
        case Kind.ENUM:
            value = st.sampled_from([quoted(label, "'") for label in type_.labels])
        case Kind.DATE | Kind.DATETIME | Kind.TIMESTAMPTZ:
            value = st.sampled_from(["'2024-02-29'", "current_timestamp", "2024-02-29"])
        case Kind.UUID:
            value = st.just("'12345678123456781234567812345678'")
        case _:
            value = st.nothing()
    text = draw(st.none() | st.just("null") | value)
    return "" if text is None else f" = {text}"


@st.composite
def attribute_lines(draw: st.DrawFn) -> str:
    type_ = draw(st.sampled_from(KEY_TYPES) | st.sampled_from(OTHER_TYPES) | ENUM)
    default = draw(defaults(type_))
    counted = draw(st.sampled_from(["", " auto_increment"])) if type_.kind is Kind.INT64 else ""
    return f"{draw(NAME)}{default} : {type_}{counted} # {draw(COMMENT)}"


@st.composite
def foreign_key_lines(draw: st.DrawFn, parents: list[Table]) -> str:
    parent = draw(st.sampled_from(parents))
    key = parent.heading.primary_key
    renamed: list[str] = draw(st.lists(st.sampled_from(key), unique=True)) if key else []
    new = [draw(NAME) for _ in renamed]
    options = draw(st.sampled_from(["", "", "[nullable] ", "[unique] ", "[Unique, NULLABLE] "]))
    comment = f"# {draw(COMMENT)}"
    older: bool = draw(st.booleans())
    if renamed and older:
        return f"({', '.join(new)}) -> {options}{parent.name} ({', '.join(renamed)}) {comment}"
    pairs = ", ".join(f"{name}='{old}'" for name, old in zip(new, renamed, strict=True))
    return f"-> {options}{parent.name}.proj({pairs}) {comment}"


@st.composite
def index_lines(draw: st.DrawFn) -> str:
    item = NAME | st.just("(a + ')' )") | st.just("j.path:int")
    items = draw(st.lists(item, min_size=1, max_size=3))
    return f"{draw(st.sampled_from(['', 'unique ']))}index ({', '.join(items)})"


@dataclass
class _Accepted:
    """Lines that the language accepts together: a line that would be refused is left out."""

    name: str
    tables: dict[str, Table]
    lines: list[str]

    def add(self, line: str) -> None:
        try:
            declared("\n".join([*self.lines, line]), self.name, self.tables)
        except InvalidDefinition:
            return
        self.lines.append(line)


@st.composite
def pipelines(draw: st.DrawFn) -> list[tuple[Table, dict[str, Table]]]:
    """Draw tables that refer to each other, each with the tables before it."""
    tables = lab()
    found: list[tuple[Table, dict[str, Table]]] = []
    for name in ("lab.One", "lab.Two", "lab.Two.Part", "lab.Three"):
        parents = list(tables.values())
        line = attribute_lines() | foreign_key_lines(parents) | foreign_key_lines(parents)
        accepted = _Accepted(name, tables, [f"# {draw(COMMENT)}", "k : int8"])
        if name == "lab.Two.Part":
            accepted.add("-> master")
        for above in draw(st.lists(line, max_size=5)):
            accepted.add(above)
        accepted.add("---")
        for below in draw(st.lists(line | index_lines(), max_size=7)):
            accepted.add(below)
        table = declared("\n".join(accepted.lines), name, tables)
        found.append((table, dict(tables)))
        stored(table, tables)
    return found


@settings(max_examples=100, deadline=None)
@given(pipelines())
def test_a_description_declares_the_same_table(pipeline: list[tuple[Table, dict[str, Table]]]) -> None:
    for table, tables in pipeline:
        assert declared(describe(table), str(table.name), tables) == table


@given(st.lists(LABEL, min_size=1, unique=True))
def test_any_label_survives(labels: list[str]) -> None:
    type_ = AttributeType(Kind.ENUM, labels=tuple(labels))
    table = declared(f"a = {quote_label(labels[0])} : {type_}  # {labels[-1].rstrip(' ' + chr(92))}")
    assert table.heading["a"].type == type_
    assert declared(describe(table)) == table

from __future__ import annotations

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from levada_server.errors import InvalidDefinition, InvalidRequest, LevadaError, UnknownTable
from levada_server.model.declaration import (
    MAX_ATTRIBUTES,
    MAX_FOREIGN_KEYS,
    MAX_INDEXES,
    MAX_KEY_ATTRIBUTES,
    declare,
    referenced_names,
    warnings,
)
from levada_server.model.definition.lines import is_divided
from levada_server.model.definition.text import MAX_DEFINITION_CHARACTERS
from levada_server.model.heading import Attribute, Default
from levada_server.model.kinds import Kind
from levada_server.model.table import ForeignKey, Index, Table, TableName, Tier
from levada_server.model.types import AttributeType, parse_type
from tests.model.pipeline import declared, lab, resolver, stored, table_name

LAB = lab()
NULL = Default("null")
INT32 = AttributeType(Kind.INT32)


def attribute(definition: str, name: str) -> Attribute:
    return declared(definition).heading[name]


# ------------------------------------------------------------------------------------------ what is declared


def test_a_whole_definition() -> None:
    table = declared(
        """
        # spikes, sorted
        -> lab.Session  # recorded in
        unit : int16    # within the session
        ---
        quality = 'good' : enum('good', 'multi: #2')  # as judged by hand
        rate = null : float64  # Hz
        waveform : <blob>
        index (quality, rate)
        """
    )
    assert table.id == 0
    assert table.comment == "spikes, sorted"
    assert table.tier is Tier.MANUAL
    assert table.heading.names == ("subject_id", "session", "unit", "quality", "rate", "waveform")
    assert table.heading.primary_key == ("subject_id", "session", "unit")
    assert table.heading["unit"] == Attribute(
        "unit", AttributeType(Kind.INT16), primary_key=True, comment="within the session"
    )
    assert table.heading["quality"] == Attribute(
        "quality",
        AttributeType(Kind.ENUM, labels=("good", "multi: #2")),
        default=Default("good", quoted=True),
        comment="as judged by hand",
    )
    assert table.heading["rate"] == Attribute(
        "rate", AttributeType(Kind.FLOAT64), nullable=True, default=NULL, comment="Hz"
    )
    assert table.foreign_keys == (
        ForeignKey(
            TableName("lab", "Session"),
            (("subject_id", "subject_id"), ("session", "session")),
            primary_key=True,
            comment="recorded in",
        ),
    )
    assert table.indexes == (Index(("quality", "rate")),)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a:int32", Attribute("a", INT32)),
        ("a\t:\tINT32#c", Attribute("a", INT32, comment="c")),
        ("a : int32 # it's 5: \"x", Attribute("a", INT32, comment="it's 5: \"x")),
        ("a = 5 : int32", Attribute("a", INT32, default=Default("5"))),
        ("a=5:int32", Attribute("a", INT32, default=Default("5"))),
        ("a = NULL : int32", Attribute("a", INT32, nullable=True, default=NULL)),
        (
            "a = 'x: #y' : text # z",
            Attribute("a", parse_type("text"), default=Default("x: #y", True), comment="z"),
        ),
        ('a = "it\'s" : text', Attribute("a", parse_type("text"), default=Default("it's", True))),
        ("a = 'it''s' : text", Attribute("a", parse_type("text"), default=Default("it's", True))),
        ("a : enum('#1', 'b:c') # d", Attribute("a", parse_type("enum('#1', 'b:c')"), comment="d")),
        ("a : int auto_increment", Attribute("a", INT32, auto_increment=True)),
        (
            "a : int unsigned  AUTO_INCREMENT # n",
            Attribute("a", parse_type("uint32"), auto_increment=True, comment="n"),
        ),
        ("a : serial", Attribute("a", parse_type("int64"), auto_increment=True)),
        ("a : bigint unsigned auto_increment", Attribute("a", parse_type("int64"), auto_increment=True)),
        ("a : varchar(\\\n   40)", Attribute("a", parse_type("varchar(40)"))),
        ("a : int32 # one \\  \n  two", Attribute("a", INT32, comment="one two")),
        ("a : int32 # one \\\n\n", Attribute("a", INT32, comment="one")),
        ("a : int32 # path C:\\", Attribute("a", INT32, comment="path C:")),
        ("index : int32", Attribute("index", INT32)),
        ("unique : int32", Attribute("unique", INT32)),
        ("null : int32", Attribute("null", INT32)),
        ("order : int32", Attribute("order", INT32)),
        (f"{'n' * 63} : int32", Attribute("n" * 63, INT32)),
    ],
)
def test_attribute_line(line: str, expected: Attribute) -> None:
    assert declared(f"key_a : int32\n---\n{line}").heading.attributes[1] == expected


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends(end: str) -> None:
    table = declared(end.join(["", "# comment", "a : int32", "--- # divider", "b : int32", ""]))
    assert (table.comment, table.heading.primary_key, table.heading.secondary) == ("comment", ("a",), ("b",))


@pytest.mark.parametrize("divider", ["---", "------", "___", "_____ # below"])
def test_dividers(divider: str) -> None:
    table = declared(f"a : int32\n{divider}\nb : int32")
    assert (table.heading.primary_key, table.heading.secondary) == (("a",), ("b",))


def test_only_the_first_line_is_the_comment_of_the_table() -> None:
    assert declared("\n  # first #1\n# second\na : int32").comment == "first #1"
    assert declared("a : int32\n# late").comment == ""


def test_without_a_divider_all_attributes_are_the_key() -> None:
    assert declared("a : int32\nb : int32").heading.primary_key == ("a", "b")


def test_a_singleton_has_no_primary_key() -> None:
    table = declared("# settings\n------\nvolume : int8")
    assert table.heading.primary_key == ()
    assert table.heading.names == ("volume",)


@pytest.mark.parametrize("kind", ["int8", "decimal(3,1)", "bool", "text", "enum('a')", "date", "time", "datetime"])
def test_types_that_a_key_may_have(kind: str) -> None:
    assert declared(f"a : {kind}").heading.primary_key == ("a",)
    assert warnings(declared(f"a : {kind}"), divided=False) == ()


def test_a_key_attribute_may_count_and_have_a_default() -> None:
    assert attribute("a : int32 auto_increment", "a").auto_increment
    assert attribute("a = 0 : int32", "a").default == Default("0")


# ---------------------------------------------------------------------------------------------- foreign keys


def test_a_foreign_key_brings_the_origin_the_type_and_the_comment() -> None:
    parents = lab()
    table = declared("---\n-> lab.Session", tables=parents)
    subject = parents["lab.Subject"].heading["subject_id"]
    session = parents["lab.Session"].heading["session"]
    assert subject.origin is not None and session.origin is not None
    assert [a.origin for a in table.heading] == [subject.origin, session.origin]
    assert table.heading["session"] == Attribute("session", session.type, comment="counts up", origin=session.origin)
    assert not table.foreign_keys[0].primary_key


def test_a_renamed_attribute_keeps_its_origin() -> None:
    table = declared("-> lab.Subject.proj(animal='subject_id')")
    origin = table.heading["animal"].origin
    assert origin is not None and origin.label == "lab.Subject.subject_id"


def test_the_attributes_of_a_foreign_key_stand_where_its_line_stands() -> None:
    table = declared("a : int8\n-> lab.Session\nb : int8\n---\nc : int8\n-> lab.User\nd : int8")
    assert table.heading.names == ("a", "subject_id", "session", "b", "c", "username", "d")


@pytest.mark.parametrize(
    ("current", "older"),
    [
        ("-> lab.Subject.proj(animal='subject_id')", "(animal) -> lab.Subject"),
        ("-> lab.Subject.proj(animal='subject_id')", "( animal )->lab.Subject(subject_id)"),
        ('-> lab.Session.proj(s = "session")  # when', "(s) -> lab.Session (session)  # when"),
        ("-> lab.Session.proj(s='session', i='subject_id')", "(i, s) -> lab.Session"),
        ("-> lab.Session.proj(s='session', i='subject_id')", "(s, i) -> lab.Session (session, subject_id)"),
        ("-> lab.Session.proj('subject_id', s='session')", "(s) -> lab.Session (session)"),
        ("-> lab.Subject.proj('name')", "-> lab.Subject"),
        ("-> lab.Subject.proj(called='name')", "-> lab.Subject"),
        ("-> lab.Subject\n-> lab.Session.proj(s='session')", "-> lab.Subject\n(s) -> lab.Session"),
        ("-> lab.Session\n-> lab.Subject.proj(other='subject_id')", "-> lab.Session\n(other) -> lab.Subject"),
        (
            "---\n-> [nullable, unique] lab.User.proj(u='username')",
            "---\n(u) -> [UNIQUE , Nullable] lab.User (username)",
        ),
        ("a : int32\n---\nb = 'x' : varchar(4)", "a : int\n---\nb = x : VARCHAR(4)"),
        ("a : uint8\n---\nb : <blob>", "a:tinyint unsigned\n------\nb:longblob"),
        ("a : int64 auto_increment", "a : serial"),
    ],
)
def test_both_spellings_declare_the_same_table(current: str, older: str) -> None:
    assert declared(current) == declared(older)


def test_the_columns_of_a_foreign_key_are_in_the_order_of_the_parents_key() -> None:
    (key,) = declared("-> lab.Session.proj(s='session')").foreign_keys
    assert key.columns == (("subject_id", "subject_id"), ("s", "session"))
    assert key.renamed


def test_two_attributes_may_change_names() -> None:
    parents = lab()
    stored(declared("a : int32\nb : int32", "lab.Pair", parents), parents)
    (key,) = declared("-> lab.Pair.proj(a='b', b='a')", tables=parents).foreign_keys
    assert key.columns == (("b", "a"), ("a", "b"))


def test_foreign_keys_share_an_attribute() -> None:
    table = declared("-> lab.Subject\n-> lab.Session")
    assert table.heading.names == ("subject_id", "session")
    assert [key.parent.table for key in table.foreign_keys] == ["Subject", "Session"]


def test_a_shared_attribute_keeps_its_first_origin() -> None:
    table = declared("-> lab.Subject\n-> other.Subject")
    assert table.heading.names == ("subject_id",)
    origin = table.heading["subject_id"].origin
    assert origin is not None
    assert origin.label == "lab.Subject.subject_id"
    assert [key.child_columns for key in table.foreign_keys] == [("subject_id",), ("subject_id",)]


def test_a_nullable_foreign_key_makes_its_attributes_nullable() -> None:
    table = declared("a : int8\n---\n-> [nullable] lab.User")
    assert table.heading["username"].nullable
    assert table.heading["username"].default == NULL
    assert table.foreign_keys[0].nullable


def test_a_nullable_foreign_key_leaves_the_key_as_it_is() -> None:
    table = declared("-> lab.Subject\n---\n-> [nullable] lab.Session")
    assert not table.heading["subject_id"].nullable
    assert table.heading["session"].nullable
    assert warnings(table, divided=True) == ()


@pytest.mark.parametrize(
    "lines",
    [
        "-> [nullable] lab.Subject\n-> lab.Session",
        "-> lab.Session\n-> [nullable] lab.Subject",
        "subject_id : int32\n-> [nullable] lab.Subject",
        "-> [nullable] lab.Subject\nsubject_id : int32",
    ],
)
def test_an_attribute_is_nullable_only_if_all_its_lines_say_so(lines: str) -> None:
    table = declared(f"a : int8\n---\n{lines}")
    assert not table.heading["subject_id"].nullable
    assert table.heading["subject_id"].default is None
    assert "lab.Subject is nullable" in warnings(table, divided=True)[0]


@pytest.mark.parametrize(
    "lines",
    ["subject_id = 1 : int32  # own\n-> lab.Subject", "-> lab.Subject\nsubject_id = 1 : int32  # own"],
)
def test_an_attribute_with_its_own_line_is_reused_by_a_foreign_key(lines: str) -> None:
    table = declared(lines)
    (found,) = table.heading
    assert found.origin == lab()["lab.Subject"].heading["subject_id"].origin
    assert found.default == Default("1")
    assert found.comment == "of the colony"
    assert len(table.foreign_keys) == 1


@pytest.mark.parametrize(
    "lines",
    [
        "-> [nullable] lab.User\nusername = null : varchar(20)",
        "username = null : varchar(20)\n-> [nullable] lab.User",
    ],
)
def test_both_lines_of_an_attribute_may_say_that_it_is_nullable(lines: str) -> None:
    assert declared(f"a : int8\n---\n{lines}").heading["username"].nullable


def test_a_foreign_key_below_the_divider_may_lie_within_the_key() -> None:
    table = declared("subject_id : int32\n---\n-> lab.Subject")
    assert table.heading["subject_id"].primary_key
    assert table.foreign_keys[0].primary_key


def test_a_part_refers_to_its_master_and_its_siblings() -> None:
    parents = lab()
    frame = declared("-> master\nframe : int16", "lab.Session.Trial.Frame", parents)
    assert frame.tier is Tier.PART
    assert frame.foreign_keys[0].parent == TableName("lab", "Session.Trial")
    assert frame.heading.primary_key == ("subject_id", "session", "trial", "frame")
    sibling = declared("-> lab.Session.Trial\nevent : int16", "lab.Session.Event", parents)
    assert sibling.foreign_keys[0].parent == TableName("lab", "Session.Trial")


def test_referenced_names_come_once_and_in_order() -> None:
    definition = """
    -> lab.Session.Trial  # -> not.This
    (a) -> [unique] master (b)
    ---
    -> lab.User.proj(u='username')
    -> lab.User
    arrow = '-> no' : varchar(20)
    """
    assert referenced_names(definition) == ("lab.Session.Trial", "master", "lab.User")


# --------------------------------------------------------------------------------------------------- indexes


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("index (b)", Index(("b",))),
        ("INDEX(b,a)", Index(("b", "a"))),
        ("unique index (a, b) # both", Index(("a", "b"), unique=True)),
        ("index ((lower(c)), a)", Index(("(lower(c))", "a"))),
        ("index ((concat(c, ')')))", Index(("(concat(c, ')'))",))),
        ("index (car.length)", Index(("(car.length)",))),
        (
            "unique index (car.a[0].b:decimal(4, 1), b)",
            Index(("(car.a[0].b:decimal(4, 1))", "b"), unique=True),
        ),
    ],
)
def test_index_line(line: str, expected: Index) -> None:
    table = declared(f"{line}\na : int32\n---\nb : int32\nc : text\ncar : json\nphoto : <blob>")
    assert table.indexes == (expected,)


# -------------------------------------------------------------------------------------------------- warnings


def test_a_float_key_warns_once() -> None:
    parents = lab()
    depth = stored(declared("depth : float64", "lab.Depth", parents), parents)
    assert "`depth` is a float64 in the primary key" in warnings(depth, divided=False)[0]
    assert warnings(declared("-> lab.Depth", tables=parents), divided=False) == ()


# ---------------------------------------------------------------------------------------------------- errors

REFUSED = [
    # names
    ("Weight : int32", 1, 1, "`Weight` is not a valid name", "weight"),
    ("a\n  _b : int32", 1, 2, "`a` has no type", "`:`"),
    ("a : int8\n  _b : int32", 2, 3, "reserved", "a letter"),
    ("a b : int32", 1, 3, "`a` has no type", "`:`"),
    (": int32", 1, 1, "is not a valid name", "subject_id"),
    ("9a : int32", 1, 1, "is not a valid name", "subject_id"),
    (f"{'n' * 64} : int32", 1, 1, "64 bytes", "63"),
    ("xmin : float64", 1, 1, "PostgreSQL keeps `xmin`", "xmin_"),
    ("a : int8\na : int8", 2, 1, "`a` is on line 1 already", "another name"),
    # types
    ("weight : int33   # g", 1, 10, "`int33` is not a type", "int32, or another type"),
    ("\n\n   weight : int33   # g", 3, 13, "`int33` is not a type", "int32, or another type"),
    ("a :", 1, 4, "the type is missing", "a type"),
    ("a :  # comment", 1, 6, "the type is missing", "a type"),
    ("a # comment : int32", 1, 3, "`a` has no type", "`:`"),
    ("a : enum('x)", 1, 10, "quote is not closed", "another '"),
    ("a : float64 auto_increment", 1, 5, "is not possible with float64", "integer"),
    ("a : auto_increment", 1, 5, "`auto_increment` is not a type", "a type"),
    *[
        (f"a : {kind}", 1, 5, "cannot be part of a primary key", "a number")
        for kind in ("json", "bytes", "<blob>", "<array uint8(3)>", "<attach@raw>")
    ],
    # defaults
    ("a = : int32", 1, 5, "the default is missing", "a default such as 0"),
    ("a = 5", 1, 6, "`a` has no type", "`:`"),
    ("a = 5 # later: int32", 1, 7, "`a` has no type yet", "quotes"),
    ("a = x : int32", 1, 5, "not a number", "a value of int32"),
    ("a = 128 : int8", 1, 5, "outside -128", "a value of int8"),
    ("a = 'x : text", 1, 5, "quote is not closed", "another '"),
    ("a = 'x'y : text", 1, 5, "do not enclose", "one text in quotes"),
    ("a = 'x'\"y\"'z' : text", 1, 5, "do not enclose", "one text in quotes"),
    ("a = null : int32", 1, 5, "a primary key is never null", "---"),
    ("a = 1 : serial", 1, 5, "auto_increment fills", "no default"),
    ("a : int8\n---\nb = CURRENT_TIMESTAMP : int32", 3, 5, "holds no time", "a value of int32"),
    # the divider
    ("a : int8\n---\nb : int8\n---", 4, 1, "the second divider", "one `---`"),
    ("a : int8\n___\nb : int8\n---", 4, 1, "the second divider", "one `---`"),
    ("a : int8\n__\nb : int8", 2, 1, "names that begin with `_` are reserved", "a letter"),
    ("a : int8\n--\nb : int8", 2, 1, "`--` is not a valid name", "subject_id"),
    # foreign keys
    ("->", 1, 3, "the table is missing", "lab.Session"),
    ("-> 5", 1, 4, "the table is missing", "lab.Session"),
    ("-> lab.Subject, lab.User", 1, 15, "does not belong to a foreign key", "the end of the line"),
    ("-> [optional] lab.Subject", 1, 5, "`optional` is not an option", "nullable or unique"),
    ("-> [unique, ] lab.Subject", 1, 13, "`` is not an option", "nullable or unique"),
    ("-> [unique, nullable] lab.Subject", 1, 13, "a primary key is never null", "---"),
    ("-> master", 1, 4, "only a part table has a master", "the name of a table"),
    ("-> lab.Child.Part", 1, 4, "a master cannot refer to its own part", "does not depend"),
    ("-> lab.Child", 1, 4, "a table cannot refer to itself", "does not depend"),
    ("-> lab.Settings", 1, 4, "is a singleton", "a table with a primary key"),
    ("-> lab.Subject\n-> lab.Subject", 2, 4, "line 1 is the same foreign key", "other attributes"),
    ("-> lab.Subject.proj(animal)", 1, 21, "only renames", "new='old'"),
    ("-> lab.Subject.proj(animal=subject_id)", 1, 21, "only renames", "new='old'"),
    ("-> lab.Subject.proj(a='subject_id', )", 1, 37, "only renames", "new='old'"),
    ("-> lab.Subject.proj('animal')", 1, 21, "`animal` is not in the primary key", "subject_id"),
    ("-> lab.Subject.proj(animal='subject_id'", 1, 20, "parenthesis is not closed", "`)`"),
    ("-> lab.Subject.proj(Animal='subject_id')", 1, 21, "`Animal` is not a valid name", "animal"),
    ("-> lab.Subject.proj(a= 'nme')", 1, 24, "`nme` is not in the primary key of lab.Subject", "subject_id"),
    ("-> lab.Subject.proj(a='subject_id', b='subject_id')", 1, 39, "renamed twice", "once"),
    ("-> lab.Session.proj(session='subject_id')", 1, 4, "two attributes would be called `session`", "differ"),
    ("(a) -> lab.Subject.proj(b='subject_id')", 1, 24, "renames twice", "either"),
    ("(a, b) -> lab.Subject (subject_id)", 1, 23, "2 new names for 1", "as many"),
    ("(a) -> lab.Session", 1, 2, "1 new names for subject_id, session", "(a) -> lab.Session (subject_id)"),
    ("(a) -> lab.Session (name)", 1, 21, "`name` is not in the primary key", "subject_id, session"),
    ("-> lab.Subject (subject_id)", 1, 16, "new names are missing", "(new) -> Table(old)"),
    ("() -> lab.Subject", 1, 2, "new names are missing", "the names"),
    ("(a) lab.Subject", 1, 5, "lead nowhere", "`->`"),
    ("(a, B) -> lab.Session", 1, 5, "`B` is not a valid name", " b"),
    ("subject_id : int16\n-> lab.Subject", 2, 4, "int16 on line 1, but int32 in lab.Subject", "proj("),
    ("-> lab.Subject\nsubject_id : int16", 2, 14, "int32 by the foreign key on line 1", "the same type"),
    ("---\nsubject_id = null : int32\n-> lab.Subject", 3, 4, "may be null by one line", "[nullable]"),
    ("---\n-> lab.Subject\nsubject_id = null : int32", 3, 14, "may be null by one line", "[nullable]"),
    ("subject_id : serial\n-> lab.Subject", 2, 4, "is int64 on line 1", "proj("),
    ("subject_id : int auto_increment\n-> lab.Subject", 2, 4, "values from a parent", "no auto_increment"),
    ("-> lab.Subject\nsubject_id : int auto_increment", 2, 14, "values from a parent", "no auto_increment"),
    # indexes
    ("a : int8\nindex (a, b)", 2, 11, "there is no attribute `b`", "one of a"),
    ("a : int8\nindex (a", 2, 7, "parenthesis is not closed", "`)`"),
    ("a : int8\nindex ()", 2, 8, "this index is empty", "names"),
    ("a : int8\nindex (a,)", 2, 10, "cannot be indexed", "the name of an attribute"),
    ("a : int8\nindex (lower(a))", 2, 8, "cannot be indexed", "an expression in parentheses"),
    ("a : int8\nindex ((a) + (a))", 2, 8, "cannot be indexed", "an expression in parentheses"),
    ("a : int8\nindex (())", 2, 8, "cannot be indexed", "an expression in parentheses"),
    ("a : int8\nindex (a) b", 2, 11, "does not belong to an index", "the end of the line"),
    ("a : int8\nindex (a, a)", 2, 1, "occurs twice", "once"),
    ("a : int8\nindex (a)\nunique index (a)", 3, 1, "another line declares", "once"),
    ("a : int8\nindex (a.b)", 2, 8, "has no paths", "json"),
    ("a : int8\n---\nb : json\nindex (b)", 4, 8, "has no order", "key"),
    ("a : int8\n---\nb : <blob>\nindex (b)", 4, 8, "has no order", "key"),
    # the text
    ("", 1, 1, "no attributes", "subject_id"),
    ("# only a comment", 1, 1, "no attributes", "subject_id"),
    ("a : int8\n  b : int8 # \0", 2, 14, "a control character", "text"),
    ("a : int8 # \ud800", 1, 12, "a control character", "text"),
    ("a : \\\n   int33", 2, 4, "`int33` is not a type", "another type"),
    ("a : enum('b', \\\n   'b', \\\n 'c') ; d", 1, 5, "is not a type", "a type"),
    ("\\\n a :", 2, 5, "the type is missing", "a type"),
]


@pytest.mark.parametrize(("definition", "line", "column", "wrong", "expected"), REFUSED)
def test_refused(definition: str, line: int, column: int, wrong: str, expected: str) -> None:
    parents = lab()
    stored(declared("subject_id : int32", "lab.Child", parents), parents)
    stored(declared("-> master", "lab.Child.Part", parents), parents)
    with pytest.raises(InvalidDefinition) as caught:
        declared(definition, tables=parents)
    error = caught.value
    assert wrong in error.message
    assert expected in error.details["expected"]
    assert error.details["expected"] in error.message
    assert (int(error.details["line"]), int(error.details["column"])) == (line, column)


def test_the_message_quotes_the_line_and_points_at_the_column() -> None:
    with pytest.raises(InvalidDefinition) as caught:
        declared("subject_id : int32\n---\n    weight : int33   # g\n")
    assert caught.value.message == (
        "line 3, column 14: `int33` is not a type; expected int32, or another type\n"
        "    weight : int33   # g\n"
        "             ^"
    )


def test_a_long_line_is_quoted_around_the_column() -> None:
    with pytest.raises(InvalidDefinition) as caught:
        declared(f"a : enum({', '.join(repr(str(number)) for number in range(500))}) x # {'y' * 500}")
    message, quoted, caret = caught.value.message.split("\n")
    assert len(quoted) < 120 and len(message) < 1000
    assert quoted[len(caret) - 1] == "e"
    with pytest.raises(InvalidDefinition) as caught:
        declared(f"a = '{'x' * 500}' : varchar(600) {'y' * 500} # {'y' * 500}")
    _, quoted, caret = caught.value.message.split("\n")
    assert len(quoted) < 120
    assert quoted[len(caret) - 1] == "v"


def test_an_unknown_table_is_told_with_its_line() -> None:
    with pytest.raises(UnknownTable) as caught:
        declared("a : int8\n  -> lab.Nobody.proj(b='a')")
    error = caught.value
    assert error.message == (
        "line 2, column 6: There is no table `lab.Nobody`.\n    -> lab.Nobody.proj(b='a')\n       ^"
    )
    assert error.details == {"table": "lab.Nobody", "line": "2", "column": "6"}


@pytest.mark.parametrize(("name", "tier"), [("lab.Child", Tier.PART), ("lab.Session.Event", Tier.MANUAL)])
def test_parts_are_named_inside_their_master(name: str, tier: Tier) -> None:
    with pytest.raises(InvalidRequest) as caught:
        declare(table_name(name), tier, "a : int8", resolver({}, table_name(name)))
    assert caught.value.details["field"] == "tier"


# ---------------------------------------------------------------------------------------------------- limits


def too_many(noun: str) -> str:
    match noun:
        case "attributes":
            return "---\n" + "\n".join(f"a{number} : int8" for number in range(MAX_ATTRIBUTES + 1))
        case "attributes in the primary key":
            return "\n".join(f"a{number} : int8" for number in range(MAX_KEY_ATTRIBUTES + 1))
        case "foreign keys":
            return "---\n" + "\n".join(
                f"-> lab.Subject.proj(a{number}='subject_id')" for number in range(MAX_FOREIGN_KEYS + 1)
            )
        case "indexes":
            indexes = [f"index ((a + {number}))" for number in range(MAX_INDEXES + 1)]
            return "\n".join(["a : int8", *indexes])
        case _:
            raise AssertionError(noun)


@pytest.mark.parametrize("noun", ["attributes", "attributes in the primary key", "foreign keys", "indexes"])
def test_limits(noun: str) -> None:
    definition = too_many(noun)
    allowed, _, last = definition.rpartition("\n")
    assert declared(allowed).heading.names
    with pytest.raises(InvalidDefinition, match=f" {noun}; expected at most") as caught:
        declared(definition)
    assert last in caught.value.message


def test_a_list_has_a_limit() -> None:
    with pytest.raises(InvalidDefinition, match="this list is too long") as caught:
        declared(f"({'a, ' * 101}a) -> lab.Subject")
    assert caught.value.details["column"] == "303"


def test_an_index_has_a_limit() -> None:
    names = [f"a{number}" for number in range(MAX_KEY_ATTRIBUTES + 1)]
    with pytest.raises(InvalidDefinition, match="this index has 33 attributes"):
        declared("---\n" + "\n".join(f"{name} : int8" for name in names) + f"\nindex ({', '.join(names)})")


def test_a_definition_has_a_limit() -> None:
    assert declared("a : int8".ljust(MAX_DEFINITION_CHARACTERS)).heading.names == ("a",)
    with pytest.raises(InvalidDefinition, match="too long"):
        declared("a : int8".ljust(MAX_DEFINITION_CHARACTERS + 1))


REPEATED = [
    " ", "\n", "\\\n", "\\", "\\ ", "#\n", "-", "'", '"', "\\'", "(", ")", "()", ",", "=", "a", "a ", "'',", "a.",
    "-> lab.Subject\n", "\N{NO-BREAK SPACE}",
]  # fmt: skip
BEGINNINGS = [
    "", "a : ", "a = ", "a : enum(", "a : enum('", "a : varchar(", "a : <blob", "a : <blob@", "a : <array int8(",
    "a : int", "-> [", "-> a.", "-> a.proj(b=", "(", "(a) ->", "index (", "index ((", "a : int8 # ", "--",
]  # fmt: skip


@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_long_input_takes_time_in_proportion(beginning: str) -> None:
    size = 2**15  # Anything that grows with the square takes many seconds here.
    for repeated in REPEATED:
        definition = (beginning + repeated * size)[:size] + "!"
        start = time.process_time()
        try:
            declared(definition, tables=LAB)
        except LevadaError as error:
            assert len(error.message) < 2000
        assert time.process_time() - start < 1, repeated


def test_a_megabyte_is_refused_at_once() -> None:
    start = time.process_time()
    with pytest.raises(InvalidDefinition, match="too long"):
        declared("a, " * 2**19)
    assert time.process_time() - start < 0.1


# ------------------------------------------------------------------------------------------------- any input

TOKENS = [
    "a", "b", "subject_id", "session", "A", "_x", "lab.Subject", "lab.Session", "lab.User", "lab.Nobody", "master",
    "->", "(", ")", "[", "]", "nullable", "unique", ",", ".proj(", "=", "'", '"', "\\", "#", ":", "---", "\n", "\n",
    " ", "\t", "index", "int32", "int auto_increment", "serial", "varchar(", "40", "enum(", "decimal(5,2)", "<blob>",
    "<array float32(3,)>", "<attach@s>", "json", "null", "CURRENT_TIMESTAMP", "datetime", "5", "-1e5", "x='subject_id'",
    "a : int32\n", "b = 5 : int8\n", "-> lab.Subject\n", "\0", "\x85", "\N{LATIN SMALL LETTER LONG S}", "\ud800",
]  # fmt: skip


@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from(TOKENS) | st.text(max_size=3), max_size=40).map("".join))
@example("a = 1e999999999 : int32")
@example("a : <array int8(" + "9" * 5000 + ")>")
@example("a : decimal(" + "9" * 5000 + ")")
def test_no_text_raises_anything_but_our_errors(definition: str) -> None:
    for name in ("lab.Child", "lab.Session.Event"):
        try:
            table = declared(definition, name, LAB)
        except LevadaError as error:
            assert error.message
        else:
            assert isinstance(table, Table)
            assert referenced_names(definition) is not None


def test_a_default_after_the_colon_and_types_of_other_languages_are_explained() -> None:
    with pytest.raises(InvalidDefinition, match="a default before the colon, as in `name = 5 : int32`"):
        declared("a : int8\n---\nb : int32 = 5")
    with pytest.raises(InvalidDefinition, match=r"`str` is not a type; expected varchar\(40\), text, or another type"):
        declared("a : str")


def test_a_definition_without_a_divider_is_doubted() -> None:
    table = declared("a : int32\nname : varchar(20)\nval : int16")
    assert "name, val too, because the definition has no line `---`" in warnings(table, divided=False)[0]
    assert warnings(table, divided=True) == ()
    assert warnings(declared("a : int32"), divided=False) == ()
    assert is_divided("a : int32\n  ---  # the key\n")
    assert not is_divided("a : int32  # --- \n# ---")

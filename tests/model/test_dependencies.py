from __future__ import annotations

import pytest

from levada_server.errors import UnknownSchema, UnknownTable
from levada_server.model.dependencies import Catalog
from levada_server.model.table import TableName
from tests.model.pipeline import declared, lab, stored, table_name


def catalog() -> Catalog:
    tables = lab()
    stored(
        declared("-> lab.Session\n-> lab.User\n---\n-> lab.Subject.proj(partner='subject_id')", tables=tables), tables
    )
    stored(declared("-> lab.Session.Trial", "lab.Session.Trial.Frame", tables), tables)
    return Catalog(1, frozenset({"lab", "other"}), {table.name: table for table in tables.values()})


def names(tables: tuple[TableName, ...] | frozenset[TableName]) -> list[str]:
    return [str(name) for name in tables]


def test_a_table_is_found_by_its_class_and_by_its_stored_name() -> None:
    found = catalog().table(TableName("lab", "Session.Trial"))
    assert catalog().table(TableName("lab", "session__trial")) == found


def test_what_is_unknown_is_told() -> None:
    with pytest.raises(UnknownSchema, match="no schema `lap`"):
        catalog().table(TableName("lap", "Subject"))
    with pytest.raises(UnknownTable, match="no table `Subjects`; did you mean `Subject`\\? It has Subject"):
        catalog().table(TableName("other", "Subjects"))


def test_parents_come_first() -> None:
    order = names(catalog().order)
    assert order.index("lab.Subject") < order.index("lab.Session") < order.index("lab.Session.Trial")
    some = frozenset(map(table_name, ["lab.Child", "lab.Session", "lab.Subject"]))
    assert names(catalog().sorted(some)) == ["lab.Subject", "lab.Session", "lab.Child"]


def test_children_come_once_per_foreign_key() -> None:
    children = catalog().children(table_name("lab.Subject"))
    assert [(str(child.name), key.child_columns) for child, key in children] == [
        ("lab.Session", ("subject_id",)),
        ("lab.Child", ("partner",)),
    ]


def test_ancestors_and_descendants() -> None:
    assert set(names(catalog().descendants(table_name("lab.Session")))) == {
        "lab.Session.Trial",
        "lab.Session.Trial.Frame",
        "lab.Child",
    }
    assert set(names(catalog().ancestors(table_name("lab.Child")))) == {"lab.Subject", "lab.Session", "lab.User"}


def test_own_tables_of_a_master() -> None:
    assert set(map(str, catalog().own_tables(table_name("lab.Session")))) == {
        "lab.Session",
        "lab.Session.Trial",
        "lab.Session.Trial.Frame",
    }


def test_tables_below_several_include_one_of_them_below_another() -> None:
    below = catalog().descendants(table_name("lab.Session"), table_name("lab.Session.Trial"))
    assert table_name("lab.Session.Trial") in below
    assert table_name("lab.Session") not in below
    assert below == catalog().descendants(table_name("lab.Session"))


def test_the_same_tables_at_another_version() -> None:
    before = catalog().prepare()
    name = table_name("lab.Session")
    assert before.basis((name,)).version == before.version
    later = before.at_version(before.version + 1)
    assert later.basis((name,)).version == later.version == before.version + 1
    assert (later.tables, later.order) == (before.tables, before.order)

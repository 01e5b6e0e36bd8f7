"""A schema written as Python classes declares the same tables again."""

from __future__ import annotations

import runpy
from typing import TYPE_CHECKING

import levada as lv
from levada import _connection

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def definitions(schema: lv.Schema) -> dict[str, str]:
    return {table.table_name: table.describe() for table in schema}


def test_the_saved_file_declares_the_same_tables(
    lab: lv.VirtualModule, connection: lv.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = lv.Schema("atlas", connection=connection)

    @elsewhere
    class Region(lv.Lookup):
        definition = """
        region : varchar(20)
        """

    schema = lab.schema

    @schema
    class Probe(lv.Manual):
        definition = r"""
        # a "probe"
        -> Subject
        (first_session) -> Session(session)
        ---
        -> [nullable] Region
        depth : float64  # in µm, "as read"
        folder = 'C:\\data' : varchar(40)
        kind = "it's" : enum("it's", 'b')
        unique index (folder)
        """

        class Site(lv.Part):
            definition = """
            -> master
            site : int16
            ---
            -> Session.Trial.proj(site_session='session')
            """

    @schema
    class Stat(lv.Computed):
        definition = """
        -> Probe.Site
        ---
        made : datetime
        """

        def make(self, key: dict[str, object]) -> None: ...

    before, tables = definitions(schema), schema.list_tables()
    file = tmp_path / "lab_again.py"
    assert schema.save(file) == file.read_text(encoding="utf-8") == schema.save()
    schema.drop(force=True)
    monkeypatch.setattr(_connection, "_default", _connection._Default())
    _connection.use(connection)
    declared = runpy.run_path(str(file))
    assert declared["schema"].list_tables() == tables
    assert definitions(declared["schema"]) == before
    assert issubclass(declared["Probe"].Site, lv.Part)
    assert lv.FreeTable(connection, "`lab`.`__stat`").describe() == before["stat"]
    assert lv.FreeTable(connection, "`lab`.`#species`").describe() == before["species"]

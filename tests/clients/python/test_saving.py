"""A schema written as Python classes declares the same tables again."""

from __future__ import annotations

import re
import runpy
from typing import TYPE_CHECKING

import pytest

import levada as lv
from levada_api.v1 import schema_pb2, schema_service_pb2

if TYPE_CHECKING:
    from pathlib import Path


def definitions(schema: lv.Schema) -> dict[str, str]:
    return {table.table_name: table.describe() for table in schema}


@pytest.fixture
def pipeline(lab: lv.VirtualModule, connection: lv.Connection) -> lv.Schema:
    """The schema of the lab with tables of every kind, beside another that it refers to."""
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

            class Contact(lv.Part):
                definition = """
                -> master
                contact : int16
                """

    @schema
    class Stat(lv.Computed):
        definition = """
        -> Probe.Site
        ---
        made : datetime
        """

        def make(self, key: dict[str, object]) -> None: ...

    return schema


def test_the_saved_file_declares_the_same_tables(
    pipeline: lv.Schema, connection: lv.Connection, tmp_path: Path
) -> None:
    schema = pipeline
    before, tables = definitions(schema), schema.list_tables()
    file = tmp_path / "lab_again.py"
    assert schema.save(file) == file.read_text(encoding="utf-8") == schema.save()
    schema.drop(force=True)
    with lv.connect(connection.address):
        declared = runpy.run_path(str(file))
        assert declared["schema"].list_tables() == tables
        assert definitions(declared["schema"]) == before
    assert "lab." not in file.read_text(encoding="utf-8")
    assert "-> [nullable] atlas.Region" in file.read_text(encoding="utf-8")
    assert issubclass(declared["Probe"].Site.Contact, lv.Part)
    assert declared["Probe"].Site.Contact.master is declared["Probe"].Site
    assert lv.FreeTable(connection, "`lab`.`__stat`").describe() == before["stat"]
    assert lv.FreeTable(connection, "`lab`.`#species`").describe() == before["species"]


_CLASS_FILE = re.compile(r"%\{\n(.*)\n%\}\n\nclassdef (\w+) < levada\.(\w+)\n(.*)end\n", re.DOTALL)
_REFERENCE = re.compile(r"-> (?:\[\w+\] )?(\w+(?:\.\w+)?)")


def _declare_class_files(connection: lv.Connection, folder: Path, schema: str, names: dict[str, str]) -> None:
    """Declare tables as the MATLAB client does from the class files of a package.

    Args:
        names: The table for each class, parents first.
    """
    for class_name, table in names.items():
        match = _CLASS_FILE.fullmatch((folder / f"{class_name}.m").read_text(encoding="utf-8"))
        assert match is not None
        definition, found, tier, body = match.groups()
        assert found == class_name
        assert ("master = " in body) is ("." in table)
        request = schema_service_pb2.DeclareTableRequest(
            name=schema_pb2.TableName(schema=schema, table=table),
            tier=f"TABLE_TIER_{tier.upper()}",
            definition=definition,
            has_make="function make(self, key)" in body,
        )
        for written in _REFERENCE.findall(definition):
            package, _, parent = written.partition(".")
            name = schema_pb2.TableName(schema=package, table=names.get(parent, parent))
            request.references[written].CopyFrom(name)
        connection.call("SchemaService/DeclareTable", request, schema_service_pb2.DeclareTableResponse)


def test_the_saved_package_of_matlab_declares_the_same_tables(
    pipeline: lv.Schema, connection: lv.Connection, tmp_path: Path
) -> None:
    before, tables = definitions(pipeline), pipeline.list_tables()
    listed = connection.call(
        "SchemaService/ListTables",
        schema_service_pb2.ListTablesRequest(schema="lab"),
        schema_service_pb2.ListTablesResponse,
    )
    names = {table.name.table.replace(".", ""): table.name.table for table in listed.tables}
    text = pipeline.save(tmp_path, language="matlab")
    files = sorted(file.name for file in (tmp_path / "+lab").iterdir())
    assert files == sorted(["getSchema.m", *(f"{name}.m" for name in names)])
    assert all(f"%% +lab/{file}\n" in text for file in files)
    assert "levada.Schema('lab', 'lab')" in text
    assert "-> lab.ProbeSite\n" in text
    assert "-> [nullable] atlas.Region\n" in text
    assert "master = lab.ProbeSite\n" in text
    pipeline.drop(force=True)
    again = lv.Schema("lab", connection=connection)
    _declare_class_files(connection, tmp_path / "+lab", "lab", names)
    assert again.list_tables() == tables
    assert definitions(again) == before
    # The edits of a person in a file stay.
    edited = tmp_path / "+lab" / "Stat.m"
    edited.write_text("mine", encoding="utf-8")
    again.save(tmp_path, language="matlab")
    assert edited.read_text(encoding="utf-8") == "mine"
    with pytest.raises(lv.errors.InvalidRequest, match="'python' or 'matlab'"):
        again.save(language="r")

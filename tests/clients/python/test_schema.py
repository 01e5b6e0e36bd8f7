"""Classes become tables of a schema, and tables become classes again."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import levada as lv


def test_a_class_is_declared_with_its_parts(lab: lv.VirtualModule) -> None:
    assert lab.schema.list_tables() == ["species", "subject", "session", "session__trial"]
    assert lab.Session.Trial.heading.primary_key == ["subject_id", "session", "trial"]
    assert lab.Session.Trial.master is lab.Session
    assert lab.Session.Trial.full_table_name == "`lab`.`session__trial`"
    assert (lab.Subject.database, lab.Subject.table_name) == ("lab", "subject")


def test_a_heading_says_all_about_its_attributes(lab: lv.VirtualModule) -> None:
    heading = lab.Subject.heading
    assert heading.names == ["subject_id", "species", "name", "weight"]
    assert heading.primary_key == ["subject_id"]
    assert heading.secondary_attributes == ["species", "name", "weight"]
    key, name = heading["subject_id"], heading["name"]
    assert (key.type, key.in_key, key.nullable, key.default) == ("int32", True, False, None)
    assert key.comment == "number on the ear tag"
    assert (name.type, name.in_key, name.nullable) == ("varchar(40)", False, False)
    assert "nameless" in str(name.default)
    assert (heading["weight"].nullable, "missing" in heading) == (True, False)
    assert "subject_id" in repr(heading)


def test_a_heading_gives_the_dtype_of_structured_rows(lab: lv.VirtualModule) -> None:
    assert lab.Subject.heading.as_dtype == np.dtype(
        [("subject_id", np.int64), ("species", np.object_), ("name", np.object_), ("weight", np.float64)]
    )


def test_help_shows_the_definition(connection: lv.Connection) -> None:
    schema = lv.Schema("lab", connection=connection)

    class Rig(lv.Manual):
        """The place of the measurement."""

        definition = "rig : varchar(20)"

    for _ in range(2):
        schema(Rig)
    assert Rig.__doc__ == "The place of the measurement.\nTable definition:\n\nrig : varchar(20)"


def test_a_part_may_name_a_second_tier(connection: lv.Connection) -> None:
    schema = lv.Schema("lab", connection=connection)

    @schema
    class Launch(lv.Lookup):
        definition = "launch : int32"
        contents = ((1,),)

        class Piece(lv.Part, lv.Lookup):
            definition = """
            -> master
            piece : varchar(20)
            """
            contents = ((1, "jeans"), (1, "tie"))

    assert Launch.Piece.full_table_name == "`lab`.`launch__piece`"
    assert Launch.Piece.to_arrays("piece").tolist() == ["jeans", "tie"]


def test_declaring_again_reads_and_a_difference_warns(connection: lv.Connection, lab: lv.VirtualModule) -> None:
    schema = lv.Schema("lab", connection=connection)

    class Species(lv.Lookup):
        definition = "species : varchar(20)"

    schema(Species)
    Species.definition = """
    species : varchar(20)
    ---
    legs = 4 : int8
    """
    with pytest.warns(lv.LevadaWarning, match="another definition") as warnings:
        schema(Species)
    assert warnings[0].filename == __file__
    assert Species.heading.names == ["species"]


def test_contents_stay_out_of_a_table_with_another_definition(connection: lv.Connection, lab: lv.VirtualModule) -> None:
    schema = lv.Schema("lab", connection=connection)

    class Species(lv.Lookup):
        definition = """
        species : varchar(20)
        ---
        legs : int8
        """
        contents = (("spider", 8),)

    with pytest.warns(lv.LevadaWarning, match="another definition"):
        schema(Species)
    assert lab.Species.to_arrays("species").tolist() == ["mouse", "rat"]


def test_a_name_in_a_part_means_what_it_means_in_the_module(connection: lv.Connection) -> None:
    schema = lv.Schema("lab", connection=connection)

    @schema
    class Organization(lv.Lookup):
        definition = "organization : varchar(24)"

    @schema
    class Lab(lv.Manual):
        definition = "lab : varchar(24)"

        class Organization(lv.Part):
            definition = """
            -> master
            -> Organization
            """

    assert Lab.Organization.parents() == ["`lab`.`lab`", "`lab`.`organization`"]
    assert Organization.children() == ["`lab`.`lab__organization`"]


def test_a_part_may_refer_to_its_master_through_another_part(connection: lv.Connection) -> None:
    schema = lv.Schema("lab", connection=connection)

    @schema
    class Correction(lv.Manual):
        definition = "scan : int32"

        class NonRigid(lv.Part):
            definition = "-> master"

        class Block(lv.Part):
            definition = """
            -> master.NonRigid
            block : int16
            """

    Correction.insert([(1,), (2,)])
    Correction.NonRigid.insert([(1,), (2,)])
    Correction.Block.insert([(1, 1), (1, 2), (2, 1)])
    with pytest.raises(lv.errors.HasChildren, match="without its master"):
        (Correction.Block & "scan = 1").delete(prompt=False)
    (Correction.Block & "scan = 1").delete(prompt=False, part_integrity="cascade")
    assert [len(table()) for table in (Correction, Correction.NonRigid, Correction.Block)] == [1, 1, 1]


def test_an_error_in_a_definition_declares_nothing(connection: lv.Connection) -> None:
    schema = lv.Schema("lab", connection=connection)

    class Subject(lv.Manual):
        definition = """
        subject_id : integr
        """

    with pytest.raises(lv.errors.InvalidDefinition, match="integr"):
        schema(Subject)
    assert schema.list_tables() == []


def test_contents_are_inserted_once(connection: lv.Connection, lab: lv.VirtualModule) -> None:
    assert lab.Species.to_arrays("species").tolist() == ["mouse", "rat"]
    lab.schema(lab.Species)
    assert len(lab.Species()) == 2


def test_references_are_resolved_where_the_code_lives(connection: lv.Connection, lab: lv.VirtualModule) -> None:
    analysis = lv.Schema("analysis", connection=connection)

    @analysis
    class Score(lv.Computed):
        definition = """
        -> lab.Session.Trial
        -> lab.Subject.proj(judge='subject_id')
        ---
        score : float64
        """

        def make(self, key: dict[str, object]) -> None:
            self.insert1({**key, "score": 1})

    assert Score.heading.primary_key == ["subject_id", "session", "trial", "judge"]
    assert Score.parents() == ["`lab`.`session__trial`", "`lab`.`subject`"]
    assert lab.Session.Trial.children() == ["`analysis`.`score`"]
    assert len(Score().key_source) == 12


def test_relatives_are_known(lab: lv.VirtualModule) -> None:
    assert lab.Subject.children() == ["`lab`.`session`"]
    assert lab.Subject.parents() == ["`lab`.`species`"]
    assert lab.Subject.parents(primary=True) == []
    assert lab.Session.parents(as_objects=True)[0].fetch("subject_id").tolist() == [1, 2, 3]
    [(name, info)] = lab.Session.parents(foreign_key_info=True)
    assert (name, info["attr_map"], info["primary"]) == ("`lab`.`subject`", {"subject_id": "subject_id"}, True)
    assert lab.Session.parts() == ["`lab`.`session__trial`"]
    everything = [f"`lab`.`{name}`" for name in ("species", "subject", "session", "session__trial")]
    assert lab.Session.Trial.ancestors() == everything
    assert lab.Species.descendants() == everything


def test_a_definition_that_is_described_declares_the_same_table(
    connection: lv.Connection, lab: lv.VirtualModule
) -> None:
    copy = lv.Schema("copy", connection=connection)

    class Subject(lv.Manual):
        definition = lab.Subject.describe()

    copied = copy(Subject, context={"lab": lab, "Species": lab.Species})
    attributes = [(a.name, a.type, a.default) for a in lab.Subject.heading.attributes.values()]
    assert [(a.name, a.type, a.default) for a in copied.heading.attributes.values()] == attributes


def test_a_schema_may_be_named_later(connection: lv.Connection) -> None:
    schema = lv.Schema(connection=connection)

    @schema
    class Subject(lv.Manual):
        definition = "subject_id : int32"

    assert not schema.is_activated()
    with pytest.raises(lv.LevadaError, match="does not belong to a schema yet"):
        Subject.insert1([1])
    schema.activate("later")
    assert schema.is_activated()
    Subject.insert1([1])
    assert lv.list_schemas(connection) == ["later"]
    with pytest.raises(lv.LevadaError, match="activated as `later`"):
        schema.activate("other")


def test_classes_are_made_of_tables(connection: lv.Connection, lab: lv.VirtualModule) -> None:
    module = lv.virtual_schema("lab", connection=connection)
    assert issubclass(module.Subject, lv.Manual)
    assert issubclass(module.Species, lv.Lookup)
    assert issubclass(module.Session.Trial, lv.Part)
    assert module.Session.Trial.master is module.Session
    assert len(module.Session.Trial()) == 4
    with pytest.raises(AttributeError, match="no table `Rig`"):
        _ = module.Rig

    spawned: dict[str, object] = {"Subject": lab.Subject}
    lv.Schema("lab", connection=connection).spawn_missing_classes(spawned)
    assert spawned["Subject"] is lab.Subject
    assert set(spawned) == {"Subject", "Species", "Session"}


def test_tables_are_found_by_name(lab: lv.VirtualModule) -> None:
    assert len(lab.schema["Subject"]) == 3
    assert len(lab.schema["session__trial"]) == 4
    assert "Session.Trial" in lab.schema
    assert "Rig" not in lab.schema
    assert [table.table_name for table in lab.schema] == lab.schema.list_tables()
    with pytest.raises(lv.errors.MissingTableError, match="no table `Rig`"):
        lab.schema.get_table("Rig")


@pytest.mark.parametrize("name", ["lab.Subject", "lab.subject", "`lab`.`subject`", "`lab`.`#subject`"])
def test_a_free_table_needs_no_class(connection: lv.Connection, lab: lv.VirtualModule, name: str) -> None:
    assert len(lv.FreeTable(connection, name)) == 3


def test_a_schema_that_does_not_exist_is_only_created_on_request(connection: lv.Connection) -> None:
    with pytest.raises(lv.errors.NotFound, match="create_schema=True"):
        lv.Schema("nowhere", connection=connection, create_schema=False)
    assert lv.Schema("somewhere", connection=connection).exists


def test_dropping_asks_first(
    lab: lv.VirtualModule, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("builtins.input", lambda _: "no")
    lab.Session.drop()
    assert "4 rows of lab.Session.Trial" in capsys.readouterr().out
    assert len(lab.schema.list_tables()) == 4
    monkeypatch.setattr("builtins.input", lambda _: "yes")
    lab.Session.drop()
    assert lab.schema.list_tables() == ["species", "subject"]
    lab.Subject.drop(prompt=False)
    assert lab.schema.list_tables() == ["species"]
    lab.schema.drop(prompt=False)
    assert not lab.schema.exists


def test_a_quick_drop_takes_nothing_else_along(lab: lv.VirtualModule) -> None:
    with pytest.raises(lv.errors.HasChildren, match=r"`lab`\.`session__trial` depends on `lab`\.`subject`"):
        lab.Subject.drop_quick()
    assert len(lab.schema.list_tables()) == 4
    lab.Session.drop(prompt=False)
    lab.Subject.drop_quick()
    assert lab.schema.list_tables() == ["species"]


def test_a_part_goes_only_with_its_master(lab: lv.VirtualModule) -> None:
    with pytest.raises(lv.errors.HasChildren, match="Session"):
        lab.Session.Trial.drop(prompt=False)


def test_a_class_outside_the_tiers_is_refused(connection: lv.Connection) -> None:
    schema = lv.Schema("lab", connection=connection)
    for wrong in (type("Plain", (lv.Table,), {"definition": "a : int32"}), type("lower", (lv.Manual,), {})):
        with pytest.raises(lv.errors.InvalidDefinition):
            schema(wrong)
    with pytest.raises(lv.LevadaError, match="part"):
        schema(type("Loose", (lv.Part,), {"definition": "-> master"}))


def test_a_key_source_belongs_to_the_declaration(connection: lv.Connection, lab: lv.VirtualModule) -> None:
    analysis = lv.Schema("analysis", connection=connection)

    @analysis
    class Mean(lv.Computed):
        definition = """
        -> lab.Session
        ---
        mean : float64
        """

        @property
        def key_source(self) -> lv.Relation:
            return lab.Session.restrict({"subject_id": 1})  # type: ignore[no-any-return]  # a module made at run time

        def make(self, key: dict[str, object]) -> None: ...

    assert len(Mean().key_source) == 2


def test_missing_contents_are_inserted_whatever_else_is_there(connection: lv.Connection) -> None:
    schema = lv.Schema("lab", connection=connection)

    def declare(rows: object) -> list[str]:
        class Species(lv.Lookup):
            definition = "species : varchar(20)\n---\nlegs = 4 : int16\n"
            contents = rows

        found: list[str] = schema(Species).to_arrays("species", order_by="KEY").tolist()
        return found

    assert declare([("mouse", 4)]) == ["mouse"]
    lv.VirtualModule("lab", "lab", connection=connection).Species.insert([("fish", 0), ("bird", 2), ("ant", 6)])
    assert declare([("mouse", 4), ("rat", 4)]) == ["ant", "bird", "fish", "mouse", "rat"]
    assert "fly" in declare([{"species": "fly", "legs": 6}, {"species": "fly", "legs": 6}])
    assert "cat" in declare(pd.DataFrame({"species": ["cat", "rat"]}))
    assert "dog" in declare({"species": name} for name in ("dog", "cat"))
    module = lv.VirtualModule("lab", "lab", connection=connection)
    assert module.Species.fetch("legs", order_by="KEY").tolist() == [6, 2, 4, 4, 0, 6, 4, 4]


def test_a_class_is_declared_when_its_schema_creates_no_tables(connection: lv.Connection) -> None:
    lv.Schema("by_hand", connection=connection)
    schema = lv.Schema("by_hand", connection=connection, create_tables=False)

    @schema
    class Kind(lv.Lookup):
        definition = "kind : varchar(8)"
        contents = (("a",), ("b",))

    @schema
    class Thing(lv.Manual):
        definition = """
        -> Kind
        thing : int32
        """

        class Piece(lv.Part):
            definition = """
            -> master
            piece : int32
            """

    assert not Kind().is_declared
    assert Thing.parts() == Thing().parts(as_objects=True) == []
    for table in (Kind(), Thing, Thing.Piece, Thing):
        table.declare()
        assert table.is_declared
    assert len(Kind()) == 2
    assert Thing.Piece.primary_key == ["kind", "thing", "piece"]
    assert Thing.parts() == ["`by_hand`.`thing__piece`"]
    with pytest.raises(lv.errors.InvalidRequest, match="declare it through a class"):
        lv.FreeTable(connection, "by_hand.Kind").declare()


def test_a_connection_knows_the_schemas_that_were_activated_on_it(connection: lv.Connection) -> None:
    assert connection.schemas == {}
    schema, waiting = lv.Schema("first", connection=connection), lv.Schema(connection=connection)
    assert connection.schemas == {"first": schema}
    waiting.activate("second")
    schema.rename("third")
    assert connection.schemas == {"second": waiting, "third": schema}

"""The origin of rows: reads of jobs, trace and cascade, and their export as PROV and OpenLineage."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from prov.model import ProvDocument

import levada as lv

Key = dict[str, Any]  # Any: an attribute's value
Table = Any
"""A class that only a test knows."""


class Lab:
    """Animal → Session (with part Trial) → Stat → Report; Stat also depends on Settings, Report on two animals."""

    def __init__(self, connection: lv.Connection) -> None:
        self.connection = connection
        self.schema = lv.Schema("lineage", connection=connection)

        @self.schema
        class Animal(lv.Manual):
            definition = """
            animal : int32
            ---
            name : varchar(10)
            """

        @self.schema
        class Settings(lv.Lookup):
            definition = "settings : varchar(10)"
            contents = (("coarse",), ("fine",))

        @self.schema
        class Session(lv.Manual):
            definition = """
            -> Animal
            session : int32
            """

            class Trial(lv.Part):
                definition = """
                -> master
                trial : int32
                """

        @self.schema
        class Stat(lv.Computed):
            definition = """
            -> Session
            -> Settings
            ---
            trials : int32
            """

            def make(self, key: Key) -> None:
                trials = len(Session.Trial & key)
                assert trials == len(self.upstream[Session.Trial])
                name = self.upstream[Animal].fetch1("name")
                assert name == (Animal & {"animal": key["animal"]}).fetch1("name")
                Settings.fetch("settings")
                self.insert1({**key, "trials": trials})

        @self.schema
        class Report(lv.Computed):
            definition = """
            -> Stat
            """

            def make(self, key: Key) -> None:
                assert len(self.upstream[Animal]) == len(self.upstream[Session]) == 1
                assert len(self.upstream[Session.Trial]) == len(Session.Trial & key)
                with pytest.raises(lv.errors.DataJointError, match="is not in this upstream"):
                    self.upstream[Other]
                self.insert1(key)

        @self.schema
        class Other(lv.Manual):
            definition = """
            other : int32
            ---
            -> [nullable] Animal
            (mother) -> [nullable] Animal(animal)
            """

        self.Animal, self.Settings, self.Session, self.Stat, self.Report, self.Other = (
            Animal, Settings, Session, Stat, Report, Other
        )  # fmt: skip
        Animal.insert([(1, "Ann"), (2, "Bob"), (3, "Cy")])
        Session.insert([(1, 1), (1, 2), (2, 1)])
        Session.Trial.insert([(1, 1, 1), (1, 1, 2), (2, 1, 1)])
        Other.insert([{"other": 1, "animal": 1, "mother": 2}, {"other": 2}])


@pytest.fixture
def lab(connection: lv.Connection) -> Lab:
    made = Lab(connection)
    made.Stat.populate()
    made.Report.populate()
    return made


def test_a_job_records_what_it_read_and_wrote(lab: Lab) -> None:
    job = (lab.Stat.jobs & {"animal": 1, "session": 1, "settings": "fine"}).fetch1()
    assert job["reads"] == {
        "lineage.Session.Trial": {"rows": 4, "key_restricted": True},
        "lineage.Session": {"rows": 3, "key_restricted": True},
        "lineage.Animal": {"rows": 2, "key_restricted": True},
        "lineage.Settings": {"rows": 2, "key_restricted": False},
    }
    assert job["writes"] == {"lineage.Stat": 1}
    assert job["code_version"].startswith(("git:", "sha256:"))
    assert (job["host"], job["username"]) != (None, None)


def test_trace_gives_the_rows_that_a_row_depends_on(lab: Lab) -> None:
    key = {"animal": 1, "session": 1, "settings": "fine"}
    trace = lv.Diagram.trace(lab.Report & key)
    assert trace.counts() == {
        "`lineage`.`animal`": 1,
        "`lineage`.`session`": 1,
        "`lineage`.`settings`": 1,
        "`lineage`.`stat`": 1,
        "`lineage`.`report`": 1,
    }
    assert trace[lab.Animal].fetch1("name") == "Ann"
    assert isinstance(trace["`lineage`.`animal`"], lv.FreeTable)
    with pytest.raises(lv.errors.InvalidRequest, match="is not in this trace"):
        trace[lab.Other]


def test_trace_follows_every_reference_under_any_name(lab: Lab) -> None:
    both = lv.Diagram.trace(lab.Other & {"other": 1})[lab.Animal]
    assert sorted(both.to_arrays("animal")) == [1, 2]
    assert len(lv.Diagram.trace(lab.Other & {"other": 2})[lab.Animal]) == 0  # it refers to none


def test_cascade_gives_the_rows_that_depend_on_a_row(lab: Lab) -> None:
    counts = lv.Diagram.cascade(lab.Animal & {"animal": 2}).counts()
    assert counts == {
        "`lineage`.`animal`": 1,
        "`lineage`.`other`": 1,
        "`lineage`.`session`": 1,
        "`lineage`.`session__trial`": 1,
        "`lineage`.`stat`": 2,
        "`lineage`.`report`": 2,
    }
    plan = (lab.Animal & {"animal": 2}).delete(dry_run=True)
    assert sum(counts.values()) == sum(plan.counts.values())


def test_cascade_takes_masters_on_request(lab: Lab) -> None:
    trial = lab.Session.Trial & {"animal": 1, "session": 1, "trial": 1}
    assert lv.Diagram.cascade(trial).counts() == {"`lineage`.`session__trial`": 1}
    counts = lv.Diagram.cascade(trial, part_integrity="cascade").counts()
    assert counts["`lineage`.`session`"] == 1
    assert counts["`lineage`.`session__trial`"] == 2
    assert counts["`lineage`.`report`"] == 2


def test_cascade_finds_the_master_of_a_part_through_another_part(connection: lv.Connection) -> None:
    schema = lv.Schema("parts", connection=connection)

    @schema
    class Master(lv.Manual):
        definition = "m : int32"

        class First(lv.Part):
            definition = """
            -> master
            first : int32
            """

        class Second(lv.Part):
            definition = """
            (one) -> Master.First(first)
            second : int32
            """

    Master.insert([(1,), (2,)])
    Master.First.insert([(1, 1), (2, 1)])
    Master.Second.insert([(1, 1, 1), (2, 1, 1)])
    part = Master.Second & {"m": 1}
    counts = lv.Diagram.cascade(part, part_integrity="cascade").counts()
    plan = part.delete(dry_run=True, part_integrity="cascade")
    assert sorted(counts.values()) == sorted(plan.counts.values()) == [1, 1, 1]


def test_what_is_no_lineage_is_refused(lab: Lab) -> None:
    with pytest.raises(lv.errors.InvalidRequest, match="start from a table"):
        lv.Diagram.trace(lab.Animal * lab.Session)
    with pytest.raises(lv.errors.InvalidRequest, match="part_integrity"):
        lv.Diagram.cascade(lab.Animal, part_integrity="all")
    with pytest.raises(lv.errors.InvalidRequest, match="whole tables"):
        lv.Diagram(lab.Animal)[lab.Animal]
    with pytest.raises(lv.errors.DataJointError, match="only available inside make"):
        lab.Stat().upstream  # noqa: B018  # raises


def test_provenance_is_valid_prov(lab: Lab) -> None:
    key = {"animal": 1, "session": 1, "settings": "fine"}
    content = json.dumps(lv.Diagram.trace(lab.Report & key).prov_json())
    document = ProvDocument.deserialize(content=content, format="json")
    kinds = {type(record).__name__ for record in document.get_records()}
    assert kinds == {
        "ProvEntity", "ProvActivity", "ProvAgent", "ProvUsage", "ProvGeneration", "ProvAssociation", "ProvDerivation"
    }  # fmt: skip
    names = {str(record.identifier) for record in document.get_records() if record.identifier}
    assert "levada:row/lineage.stat/animal=1,session=1,settings=fine" in names
    made = json.loads(content)
    used = [use for use in made["used"].values() if use["prov:entity"] == "levada:table/lineage.Session.Trial"]
    assert [use["levada:rows"] for use in used] == [4, 4]


def test_provenance_of_a_job_with_many_rows(connection: lv.Connection) -> None:
    schema = lv.Schema("many", connection=connection)

    @schema
    class Source(lv.Manual):
        definition = "n : int32"

    @schema
    class Cell(lv.Computed):
        definition = """
        -> Source
        cell : int32
        """

        def make(self, key: Key) -> None:
            self.insert({**key, "cell": cell} for cell in range(3))

    Source.insert([(1,), (2,)])
    assert Cell.populate()["success_count"] == 2
    made = lv.Diagram.trace(Cell & {"n": 1}).prov_json()
    assert list(made["activity"]) == ["levada:make/many.cell/n=1"]
    assert len(made["wasGeneratedBy"]) == 3
    assert len(lv.Diagram.trace(Cell & {"n": 1}).openlineage_events()) == 2


def test_provenance_is_valid_openlineage(lab: Lab) -> None:
    from openlineage.client import event_v2

    events = lv.Diagram.trace(lab.Report & {"animal": 2, "settings": "fine"}).openlineage_events()
    assert [(event["eventType"], event["job"]["name"]) for event in events] == [
        ("START", "lineage.Stat"),
        ("COMPLETE", "lineage.Stat"),
        ("START", "lineage.Report"),
        ("COMPLETE", "lineage.Report"),
    ]
    for event in json.loads(json.dumps(events)):
        run = event_v2.Run(event["run"]["runId"], event["run"]["facets"])
        job = event_v2.Job(event["job"]["namespace"], event["job"]["name"], event["job"]["facets"])
        inputs = [event_v2.InputDataset(**dataset) for dataset in event["inputs"]]
        outputs = [event_v2.OutputDataset(**dataset) for dataset in event["outputs"]]
        event_v2.RunEvent(
            eventTime=event["eventTime"],
            producer=event["producer"],
            run=run,
            job=job,
            eventType=event_v2.RunState[event["eventType"]],
            inputs=inputs,
            outputs=outputs,
        )
        assert str(UUID(event["run"]["runId"])) == event["run"]["runId"]
    assert {dataset["name"] for dataset in events[0]["inputs"]} >= {"lineage.Session.Trial"}


# --------------------------------------------------------------------------------------------- inputs that change


def test_inputs_of_make_fetch_that_change_before_the_commit_are_noticed(connection: lv.Connection) -> None:
    schema = lv.Schema("changing", connection=connection)
    changes: list[int] = []

    @schema
    class Source(lv.Manual):
        definition = """
        n : int32
        ---
        x : float64
        """

    @schema
    class Twice(lv.Computed):
        definition = """
        -> Source
        ---
        y : float64
        """

        def make_fetch(self, key: Key) -> tuple[float]:
            return ((Source & key).fetch1("x"),)

        def make_compute(self, key: Key, x: float) -> tuple[float]:
            if key["n"] in changes:
                with lv.Connection(connection.address) as other:
                    lv.FreeTable(other, "changing.Source").update1({**key, "x": -1.0})
            return (2 * x,)

        def make_insert(self, key: Key, y: float) -> None:
            self.insert1({**key, "y": y})

    Source.insert([(n, float(n)) for n in range(3)])
    changes.append(1)
    errors = Twice.populate(suppress_errors=True, return_exception_objects=True)["error_list"]
    assert [(key, type(error)) for key, error in errors] == [({"n": 1}, lv.errors.InputsChanged)]
    assert sorted(Twice.to_arrays("n")) == [0, 2]
    changes.clear()
    assert Twice.populate()["success_count"] == 1
    assert (Twice & "n = 1").fetch1("y") == -2.0

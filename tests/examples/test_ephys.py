"""The laboratory's pipeline in the older spelling: its catalog, its results, and a delete through all four schemas."""

from __future__ import annotations

import importlib
import sys
import warnings
from types import new_class
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import levada as lv
from examples.ephys import simulation
from tests.support.demos import run_demo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import ModuleType

    import numpy.typing as npt

LABORATORY = "examples.ephys.laboratory"

# Every definition of the example again, in today's form.
CURRENT = {
    "animals.Species": """
        # A species
        species : varchar(24)
        ---
        latin_name : varchar(64)
        """,
    "animals.Animal": """
        # An animal
        animal_id : uint16
        ---
        -> Species
        sex = 'U' : enum('F', 'M', 'U')  # U is for unknown
        date_of_birth : date
        animal_notes = '' : varchar(255)
        """,
    "animals.Parentage": """
        # A parent of an animal
        -> Animal
        -> Animal.proj(parent_id='animal_id')
        ---
        parent_sex : enum('F', 'M')
        """,
    "animals.Weighing": """
        # An animal on the balance
        -> Animal
        weighing_time : datetime
        ---
        weight : decimal(4,1)  # in g
        """,
    "sessions.Experimenter": """
        # A person
        username : varchar(16)
        ---
        full_name : varchar(64)
        """,
    "sessions.Rig": """
        # A setup
        rig : varchar(8)
        ---
        room : varchar(16)
        sound_proof : int8  # 0 or 1
        """,
    "sessions.Session": """
        # A recording session
        -> animals.Animal
        session : uint8
        ---
        -> Experimenter.proj(recorded_by='username')
        -> [nullable] Experimenter.proj(assisted_by='username')
        -> [nullable] Rig
        session_start : datetime
        session_notes = null : varchar(1000)
        """,
    "probes.ProbeType": """
        # A model of probe
        probe_type : varchar(16)
        ---
        shank_length : float32  # in mm
        """,
    "probes.ProbeType.Electrode": """
        # A contact of a probe
        -> master
        electrode : uint16  # from the tip, from 0
        ---
        height : float32  # above the tip, in um
        """,
    "probes.Probe": """
        # A probe
        probe : varchar(16)  # serial number
        ---
        -> ProbeType
        """,
    "probes.Insertion": """
        # A probe in the brain during a session
        -> sessions.Session
        insertion : uint8
        ---
        -> Probe
        area : varchar(8)
        depth : int32  # of the tip below the surface, in um
        unique index (animal_id, session, probe)
        """,
    "probes.Recording": """
        # The events on the electrodes of an insertion
        -> Insertion
        ---
        sampling_rate : float64  # in Hz
        duration : float64  # in s
        event_count : uint32
        event_times : <blob>  # from the start of the session, in s, float64 (event_count,)
        event_electrodes : <blob>  # uint16 (event_count,)
        event_amplitudes : <blob>  # in uV, float32 (event_count,)
        imported = CURRENT_TIMESTAMP : timestamp
        """,
    "probes.SortingMethod": """
        # A method of spike sorting
        method : varchar(16)
        ---
        method_description : varchar(255)
        """,
    "probes.ParameterSet": """
        # Parameters of a method
        parameter_set : uint8
        ---
        -> SortingMethod
        parameters : <blob>  # a dictionary, see sorting.Parameters
        """,
    "probes.Clustering": """
        # The units of a recording, found with a set of parameters
        -> Recording
        -> ParameterSet
        ---
        unit_count : uint16
        noise_fraction : float32  # part of the events that belong to no unit, 0 to 1
        """,
    "probes.Clustering.Unit": """
        # A unit
        -> master
        unit : uint16  # from 0
        ---
        -> ProbeType.Electrode
        quality : enum('single', 'multi')
        mean_amplitude : float32  # in uV
        spike_count : uint32
        spike_times : <blob>  # from the start of the session, in s, float64 (spike_count,)
        """,
    "trials.Stimulus": """
        # A grating on the screen
        stimulus : uint8
        ---
        direction : float32  # in degrees
        """,
    "trials.Behavior": """
        # The behaviour of an animal in a session
        -> sessions.Session
        ---
        trial_count : uint16
        """,
    "trials.Behavior.Trial": """
        # A stimulus and the response to it
        -> master
        trial : uint16  # from 0
        ---
        -> Stimulus
        trial_start : float64  # from the start of the session, in s
        trial_stop : float64  # in s
        response = null : enum('left', 'right')  # missing where the animal did not respond
        """,
    "trials.UnitActivity": """
        # The activity of a unit over the trials of its session
        -> probes.Clustering.Unit
        -> Behavior
        ---
        mean_rate : float64  # during trials, in Hz
        tuning = null : <blob>  # mean rate for each direction, in Hz, float64 (n_stimuli,)
        -> [nullable] Stimulus.proj(best_stimulus='stimulus')
        selectivity = null : float64  # 1 - circular variance of the tuning, 0 to 1
        """,
    "trials.UnitActivity.PerTrial": """
        # The activity of a unit in a trial
        -> master
        -> Behavior.Trial
        ---
        spike_count : uint32
        rate : float64  # in Hz
        first_spike = null : float64  # from the start of the trial, in s; missing where there is none
        """,
}


@pytest.fixture
def laboratory(server_address: str) -> Iterator[ModuleType]:
    """The example's modules, declared on the server of this test."""
    forget()
    with lv.connect(server_address):
        yield importlib.import_module(LABORATORY)
    forget()


def forget() -> None:
    """Let the modules be imported anew: they declare their tables when they are."""
    for name in [name for name in sys.modules if name.startswith("examples.ephys")]:
        del sys.modules[name]


def tables(laboratory: ModuleType) -> dict[str, type[lv.Table]]:
    """Find the classes of all tables, by the names in `CURRENT`."""
    found = {}
    for name in CURRENT:
        value: Any = laboratory
        for word in name.split("."):
            value = getattr(value, word)
        found[name] = value
    return found


def declare_in_current_spelling(laboratory: ModuleType) -> None:
    """Declare all tables under their own names, with the definitions of `CURRENT`."""
    classes = tables(laboratory)
    schemas = {schema.database: lv.Schema(schema.database) for schema in laboratory.SCHEMAS}
    for name, definition in CURRENT.items():
        module, *words = name.split(".")
        if len(words) > 1:
            continue
        parts = {
            part.rpartition(".")[2]: made(classes[part], CURRENT[part], {})
            for part in CURRENT
            if part.startswith(f"{name}.")
        }
        table = made(classes[name], definition, parts)
        schemas[f"ephys_{module}"](table, context=vars(getattr(laboratory, module)) | vars(laboratory))


def made(like: type[lv.Table], definition: str, members: dict[str, Any]) -> type[lv.Table]:
    """Make a class of the same name and tier with another definition."""
    tier = next(base for base in like.__mro__ if base.__module__.startswith("levada."))
    kept = {name: vars(like)[name] for name in ("make", "contents") if name in vars(like)}
    return new_class(like.__name__, (tier,), exec_body=lambda own: own.update(definition=definition, **kept, **members))


def catalog(laboratory: ModuleType, address: str) -> dict[str, Any]:
    """Ask a server for the descriptions of all tables, through a new connection."""
    with lv.Connection(address) as connection:
        found: dict[str, Any] = {"diagram": laboratory.diagram().make_mermaid()}
        for table in tables(laboratory).values():
            name = f"{table.database}.{table.table_name}"
            fresh = lv.FreeTable(connection, name)
            parents = fresh.parents(foreign_key_info=True)
            found[name] = fresh.describe(), dict(fresh.heading.attributes), parents
    return found


# ----------------------------------------------------------------------------------------------------- catalog


def test_current_spelling_declares_the_same_catalog(laboratory: ModuleType, server_address: str) -> None:
    before = catalog(laboratory, server_address)
    assert len(before) == len(CURRENT) + 1
    for schema in reversed(laboratory.SCHEMAS):
        schema.drop(prompt=False)
    declare_in_current_spelling(laboratory)
    after = catalog(laboratory, server_address)
    for name, of_table in before.items():
        assert after[name] == of_table


def test_current_spelling_is_no_other_definition(laboratory: ModuleType) -> None:
    # A definition that differs from the table warns, and a warning fails.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        declare_in_current_spelling(laboratory)


def test_one_other_word_is_another_definition(laboratory: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    other = CURRENT["probes.Clustering.Unit"].replace("uint32", "int32")
    monkeypatch.setitem(CURRENT, "probes.Clustering.Unit", other)
    with pytest.warns(lv.LevadaWarning, match=r"Clustering\.Unit` exists with another(.|\n)*`spike_count`"):
        declare_in_current_spelling(laboratory)


# ----------------------------------------------------------------------------------------------------- results


def test_results_are_those_of_a_direct_computation(laboratory: ModuleType) -> None:
    laboratory.fill()
    computed = laboratory.populate()
    probes, trials = laboratory.probes, laboratory.trials
    assert computed == {table.__name__: len(table) for table in laboratory.COMPUTED}
    assert computed["Clustering"] == 12
    for clustering in (probes.Clustering * probes.ParameterSet).to_dicts():
        key = {name: clustering[name] for name in probes.Clustering.primary_key}
        events = simulation.record(key, electrode_count=16 if key["insertion"] == 1 else 8)
        times: dict[int, list[float]] = {}
        for time, electrode, amplitude in zip(
            events.times.tolist(), events.electrodes.tolist(), events.amplitudes.tolist(), strict=True
        ):
            if amplitude >= clustering["parameters"]["threshold"]:
                times.setdefault(electrode, []).append(time)
        expected = [times[electrode] for electrode in sorted(times) if len(times[electrode]) >= 40]
        units = (probes.Clustering.Unit & key).to_dicts(order_by="unit")
        assert [unit["spike_times"].tolist() for unit in units] == expected
        assert clustering["unit_count"] == len(units) > 0
        shown = simulation.trials(key)
        for unit in units:
            check_activity(trials.UnitActivity & key & {"unit": unit["unit"]}, trials, unit["spike_times"], shown)


def check_activity(
    activity: lv.Relation, trials: ModuleType, spikes: npt.NDArray[np.float64], shown: list[simulation.Trial]
) -> None:
    """Compare the activity of one unit with the count of a loop over its trials."""
    found = (trials.UnitActivity.PerTrial & activity).to_dicts(order_by="trial")
    by_stimulus: dict[int, list[float]] = {}
    for row, trial in zip(found, shown, strict=True):
        own = [time for time in spikes.tolist() if trial.start <= time < trial.stop]
        assert row["spike_count"] == len(own)
        assert row["rate"] == pytest.approx(len(own) / 2)
        assert row["first_spike"] == (pytest.approx(own[0] - trial.start) if own else None)
        by_stimulus.setdefault(trial.stimulus, []).append(len(own) / 2)
    tuning = [sum(by_stimulus[stimulus]) / 5 for stimulus in range(8)]
    row = activity.fetch1()
    assert row["mean_rate"] == pytest.approx(sum(tuning) / 8)
    np.testing.assert_allclose(row["tuning"], tuning)
    assert tuning[row["best_stimulus"]] == max(tuning)
    assert 0 <= row["selectivity"] <= 1


def test_what_was_deleted_is_computed_again_and_nothing_else(laboratory: ModuleType) -> None:
    laboratory.fill()
    laboratory.populate()
    assert set(laboratory.populate().values()) == {0}
    one = laboratory.probes.Clustering & {"animal_id": 4, "session": 2, "insertion": 2, "parameter_set": 1}
    units = laboratory.probes.Clustering.Unit & one.fetch1("KEY")
    before = units.to_dicts()
    assert before
    assert one.delete(prompt=False) == 1
    assert not units
    assert laboratory.populate() == {"Behavior": 0, "Recording": 0, "Clustering": 1, "UnitActivity": len(before)}
    np.testing.assert_equal(units.to_dicts(), before)


# ------------------------------------------------------------------------------------------------------ delete


def contents(laboratory: ModuleType) -> dict[str, list[dict[str, Any]]]:
    return {name: table.to_dicts(order_by="KEY") for name, table in tables(laboratory).items()}


def concerns(row: dict[str, Any], animal: int) -> bool:
    return animal in (row.get("animal_id"), row.get("parent_id"))


def test_delete_of_an_animal_takes_all_that_came_of_it_from_four_schemas(laboratory: ModuleType) -> None:
    laboratory.fill()
    laboratory.populate()
    before = contents(laboratory)
    going = {name: sum(concerns(row, 3) for row in rows) for name, rows in before.items()}
    plan = (laboratory.animals.Animal & {"animal_id": 3}).delete(dry_run=True)
    stored = {table.full_table_name: going[name] for name, table in tables(laboratory).items() if going[name]}
    assert plan.counts == stored
    assert {name.split(".")[0] for name in plan.counts} == {f"`{s.database}`" for s in laboratory.SCHEMAS}
    np.testing.assert_equal(contents(laboratory), before)
    assert plan.confirm() == 1
    np.testing.assert_equal(
        contents(laboratory), {name: [row for row in rows if not concerns(row, 3)] for name, rows in before.items()}
    )


def test_delete_of_a_parent_goes_through_the_renamed_key(laboratory: ModuleType) -> None:
    laboratory.fill()
    plan = (laboratory.animals.Animal & {"animal_id": 1}).delete(dry_run=True)
    assert plan.counts == {"`ephys_animals`.`parentage`": 2, "`ephys_animals`.`animal`": 1}


# -------------------------------------------------------------------------------------------------------- demo


def test_demo_computes_deletes_and_can_be_repeated(server_address: str, tmp_path: Path) -> None:
    outputs = [run_demo("ephys", server_address, tmp_path) for _ in range(2)]
    assert "ephys_probes.Clustering        computed; also from ephys_probes.ParameterSet" in outputs[0]
    assert "Behavior 4, Recording 6, Clustering 12, UnitActivity 88" in outputs[0]
    assert "Deleted 1 animal; 46 units of others stay." in outputs[0]
    assert "Behavior 2, Recording 3, Clustering 6, UnitActivity 42" in outputs[1]

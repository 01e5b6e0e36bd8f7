"""Compute results again, compare them with what is stored, and replace them once that is confirmed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import levada as lv

if TYPE_CHECKING:
    from collections.abc import Iterator


class Pipeline:
    """Session → Rate (with parts) → Report, whose makes do as `factor`, `shift` and `parts` say."""

    factor = 1.0
    parts = 2
    waits = False

    def __init__(self, connection: lv.Connection) -> None:
        schema = lv.Schema("rates", connection=connection)
        settings = self

        @schema
        class Session(lv.Manual):
            definition = """
            session : int32
            ---
            spikes : int32
            """

        @schema
        class Rate(lv.Computed):
            definition = """
            -> Session
            ---
            rate : float64
            trace : <blob>
            made = CURRENT_TIMESTAMP : datetime
            """

            class Bin(lv.Part):
                definition = """
                -> master
                bin : int32
                ---
                height : float64
                """

            def make(self, key: dict[str, Any]) -> None:
                spikes = (Session & key).fetch1("spikes") * settings.factor
                if settings.waits:
                    raise ValueError("not today")
                self.insert1({**key, "rate": spikes, "trace": np.arange(3) * spikes})
                self.Bin.insert([{**key, "bin": n, "height": spikes + n} for n in range(settings.parts)])

        @schema
        class Report(lv.Computed):
            definition = """
            -> Rate
            ---
            text : varchar(80)
            """

            def make(self, key: dict[str, Any]) -> None:
                self.insert1({**key, "text": str((Rate & key).fetch1("rate"))})

        self.Session, self.Rate, self.Report = Session, Rate, Report
        Session.insert([{"session": n, "spikes": n} for n in range(3)])
        Rate.populate()
        Report.populate()


@pytest.fixture
def pipeline(connection: lv.Connection) -> Iterator[Pipeline]:
    yield Pipeline(connection)


def test_equal_results_stay_and_their_records_are_renewed(pipeline: Pipeline) -> None:
    pipeline.Session.update1({"session": 1, "spikes": 5})
    pipeline.Session.update1({"session": 1, "spikes": 1})
    before = pipeline.Rate.to_dicts("session", "rate", "made")
    done = pipeline.Rate.recompute()
    assert (done.equal_count, done.different_count, done.differences) == (3, 0, [])
    assert not done
    assert done.confirm() == 3
    assert pipeline.Rate.to_dicts("session", "rate", "made") == before
    assert len(pipeline.Rate.stale()) == len(pipeline.Report.stale()) == 0


def test_differences_are_shown_and_replaced_only_when_confirmed(pipeline: Pipeline) -> None:
    pipeline.Session.update1({"session": 1, "spikes": 5})
    pipeline.parts = 3
    done = pipeline.Rate.recompute(pipeline.Rate.stale())
    assert (done.equal_count, done.different_count) == (0, 1)
    told = {(one["attribute"], one.get("bin")): (one["stored"], one["computed"]) for one in done.to_dicts()}
    assert told["rate", None] == (1.0, 5.0)
    assert told["height", 1] == (2.0, 6.0)
    assert told["", 2] == ("(no row)", {"session": 1, "bin": 2, "height": 7.0})
    assert "rate: 1.0 → 5.0" in repr(done)
    assert "Nothing is replaced yet" in repr(done)
    assert ">5.0</td>" in done._repr_html_()
    assert done.differences[0].table == "rates.Rate"
    assert (pipeline.Rate & {"session": 1}).fetch1("rate") == 1.0
    assert done.confirm() == 1
    assert (pipeline.Rate & {"session": 1}).fetch1("rate") == 5.0
    assert len(pipeline.Rate.Bin & {"session": 1}) == 3
    assert len(pipeline.Rate.stale()) == 0
    # The results downstream are still there, and stale by themselves.
    assert pipeline.Report.stale().to_dicts() == [
        {"session": 1, "state": "stale", "reason": "changed input: rates.Rate"}
    ]
    with pytest.raises(lv.errors.InvalidRequest, match="confirmed before"):
        done.confirm()


def test_rows_that_are_not_made_again_go(pipeline: Pipeline) -> None:
    pipeline.parts = 1
    assert pipeline.Rate.recompute().confirm() == 3
    assert len(pipeline.Rate.Bin) == 3


def test_a_tolerance_holds_for_numbers_and_within_arrays(pipeline: Pipeline) -> None:
    pipeline.factor = 1.001
    near = {"rate": 0.01, "trace": 0.01, "height": 0.01}
    done = pipeline.Rate.recompute(tolerance=near)
    assert (done.equal_count, done.different_count) == (3, 0)
    assert pipeline.Rate.recompute(tolerance={**near, "trace": 0.0001}).different_count == 2
    assert done.confirm() == 3
    assert sorted(pipeline.Rate.to_arrays("rate")) == [0.0, 1.0, 2.0]


def test_a_result_that_somebody_else_replaced_is_not_replaced(pipeline: Pipeline) -> None:
    pipeline.factor = 2.0
    mine, theirs = pipeline.Rate.recompute(), pipeline.Rate.recompute({"session": 1})
    assert theirs.confirm() == 1
    with pytest.raises(lv.errors.LeaseLost, match="somebody else"):
        mine.confirm()
    assert (pipeline.Rate & {"session": 2}).fetch1("rate") == 2.0


def test_a_row_with_dependents_is_not_taken_away(connection: lv.Connection, pipeline: Pipeline) -> None:
    schema = lv.Schema("rates", connection=connection)
    bins = {"Rate": pipeline.Rate}

    class Note(lv.Manual):
        definition = """
        -> Rate.Bin
        ---
        note : varchar(80)
        """

    schema(Note, context=bins)
    Note.insert1({"session": 1, "bin": 1, "note": "look"})
    pipeline.parts, pipeline.factor = 1, 3.0
    done = pipeline.Rate.recompute({"session": 1})
    with pytest.raises(lv.errors.HasChildren):
        done.confirm()
    assert (pipeline.Rate & {"session": 1}).fetch1("rate") == 1.0


def test_an_error_of_make_changes_nothing(pipeline: Pipeline) -> None:
    pipeline.waits = True
    with pytest.raises(ValueError, match="not today"):
        pipeline.Rate.recompute()
    done = pipeline.Rate.recompute(suppress_errors=True)
    assert len(done.errors) == 3
    assert "not today" in repr(done)
    assert done.confirm() == 0
    assert len(pipeline.Rate.jobs.completed) == 3


def test_populate_recomputes_only_when_asked(pipeline: Pipeline) -> None:
    pipeline.Session.update1({"session": 1, "spikes": 5})
    pipeline.Session.insert1({"session": 7, "spikes": 7})
    assert pipeline.Rate.populate()["success_count"] == 1
    assert (pipeline.Rate & {"session": 1}).fetch1("rate") == 1.0
    assert pipeline.Rate.populate({"session": 2}, stale=True)["success_count"] == 0
    assert pipeline.Rate.populate(stale=True)["success_count"] == 1
    assert (pipeline.Rate & {"session": 1}).fetch1("rate") == 5.0
    assert pipeline.Report.populate(stale=True)["success_count"] == 2
    assert (pipeline.Report & {"session": 1}).fetch1("text") == "5.0"
    assert len(pipeline.Report.stale()) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_a_worker_killed_during_a_recompute_changes_nothing_and_blocks_nobody(
    server_address: str, pipeline: Pipeline
) -> None:
    def stored() -> tuple[object, ...]:
        jobs = pipeline.Rate.jobs.to_dicts("session", "state", "attempt", "finished_time")
        return pipeline.Rate.to_dicts("session", "rate", "made"), pipeline.Rate.Bin.to_dicts(), jobs

    before = stored()
    source = f"""
        import sys
        import levada as lv

        schema = lv.Schema("rates", connection=lv.Connection({server_address!r}))

        @schema
        class Session(lv.Manual):
            definition = {pipeline.Session.definition!r}

        @schema
        class Rate(lv.Computed):
            definition = {pipeline.Rate.definition!r}

            class Bin(lv.Part):
                definition = {pipeline.Rate.Bin.definition!r}

            def make(self, key):
                self.insert1({{**key, "rate": 100.0, "trace": (Session & key).fetch1("spikes")}})
                self.Bin.insert1({{**key, "bin": 0, "height": 100.0}})
                print("inserted", file=sys.stderr, flush=True)
                sys.stdin.read()

        Rate.recompute()
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(source)], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with process:
        assert process.stderr is not None
        assert process.stderr.readline() == "inserted\n"
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert stored() == before
    assert pipeline.Rate.populate()["success_count"] == 0, "no job waits"
    pipeline.factor = 2.0
    assert pipeline.Rate.recompute().confirm() == 3
    assert sorted(pipeline.Rate.to_arrays("rate")) == [0.0, 2.0, 4.0]
    (pipeline.Rate & {"session": 1}).delete(prompt=False)
    assert pipeline.Rate.populate()["success_count"] == 1


def test_objects_in_stores_are_compared_by_their_hash(connection: lv.Connection) -> None:
    schema = lv.Schema("movies", connection=connection)
    content = {"frames": np.arange(1000.0), "file": b"first"}

    @schema
    class Session(lv.Manual):
        definition = "session : int32\n"

    @schema
    class Movie(lv.Computed):
        definition = """
        -> Session
        ---
        frames : <blob@main>
        raw : <object@main>
        missing = null : <blob@main>
        """

        def make(self, key: dict[str, Any]) -> None:
            self.insert1({**key, "frames": content["frames"], "raw": content["file"]})

    Session.insert1({"session": 1})
    Movie.populate()
    done = Movie.recompute()
    assert (done.equal_count, done.differences) == (1, [])
    content["file"] = b"other"
    done = Movie.recompute()
    assert [one.attribute for one in done.differences] == ["raw"]
    assert done.confirm() == 1
    assert Movie.recompute().equal_count == 1
    assert Movie.fetch1("raw").read_bytes() == b"other"

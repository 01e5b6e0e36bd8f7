"""The inputs of several jobs are fetched at once, and nothing else changes."""

from __future__ import annotations

import json
import logging
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import levada as lv
from levada._net.recordings import recorded_reads
from tests.support import sql
from tests.support.called_methods import LOGGER, called_methods

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Key = dict[str, Any]  # Any: an attribute's value
Table = Any
"""A class, or its instance, that only a test knows."""
TESTS = ("levada._jobs.prefetch", "levada._net.recordings")
KEYS = 24


@contextmanager
def noted(caplog: pytest.LogCaptureFixture) -> Iterator[Counter[str]]:
    """Count the methods that are called within the block."""
    calls: Counter[str] = Counter()
    with caplog.at_level(logging.DEBUG, LOGGER):
        caplog.clear()
        yield calls
        calls.update(called_methods(caplog))


class Lab:
    """Sources with two sweeps each, and a table whose `make` a test gives."""

    def __init__(self, connection: lv.Connection, database_url: str) -> None:
        self.connection, self.database_url = connection, database_url
        self.schema = schema = lv.Schema("lab", connection=connection)
        schema.make_contract = "off"

        @schema
        class Source(lv.Manual):
            definition = """
            subject : int32
            source : int32
            ---
            x : float64
            name : varchar(20)
            """

        @schema
        class Sweep(lv.Manual):
            definition = """
            -> Source
            sweep : int32
            ---
            trace : <array float32 (4,)>
            """

        @schema
        class Other(lv.Manual):
            definition = """
            other : int32
            ---
            y : float64
            """

        self.Source, self.Sweep, self.Other = Source, Sweep, Other
        keys = [{"subject": n // 4, "source": n % 4} for n in range(KEYS)]
        Source.insert([{**key, "x": float(n), "name": f"n{n}"} for n, key in enumerate(keys)])
        Sweep.insert([{**key, "sweep": s, "trace": [n, s, 0, 1]} for n, key in enumerate(keys) for s in (0, 1)])
        Other.insert([{"other": n, "y": n / 2} for n in range(8)])

    def table(self, make: Callable[[Table, Key], None], name: str = "Result", **members: object) -> Any:  # noqa: ANN401
        """Declare a table that is computed from the sources."""
        definition = "-> Source\n---\nresult : varchar(2000)\n"
        context = {"Source": self.Source}
        return self.schema(
            type(name, (lv.Computed,), {"definition": definition, "make": make, **members}), context=context
        )


@pytest.fixture
def lab(connection: lv.Connection, database_url: str) -> Lab:
    return Lab(connection, database_url)


def receipts(lab: Lab, name: str) -> list[tuple[object, object]]:
    """Return what each job of a table read: its numbers of rows by table, and each read with its digest."""
    (table,) = sql.run(lab.database_url, f"SELECT id FROM levada.table WHERE name = '{name}'")  # noqa: S608  # ours
    jobs = f"levada_jobs.t{table['id']}"
    rows = sql.run(lab.database_url, f"SELECT _reads, _inputs FROM {jobs} ORDER BY subject, source")  # noqa: S608
    return [(json.loads(reads), inputs and sorted(map(json.dumps, json.loads(inputs)))) for reads, inputs in rows]


def test_reads_of_several_keys_are_one_call(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    Source, Sweep, Other = lab.Source, lab.Sweep, lab.Other

    def make(self: Table, key: Key) -> None:
        x, name = (Source & key).fetch1("x", "name")
        traces = (Sweep & key).to_arrays("trace", order_by="sweep")
        count = len(Sweep & {"subject": key["subject"]})
        known = bool(Other & {"other": key["source"]})
        self.insert1({**key, "result": f"{x} {name} {traces.sum()} {count} {known}"})

    result = lab.table(make)
    with noted(caplog) as calls:
        assert result.populate()["success_count"] == KEYS
    reads = calls["FetchFewRows"] + calls["FetchRelation"] + calls["CountRelation"] + calls["CheckExistence"]
    assert reads < 20, calls
    assert 0 < calls["PrefetchReads"] < 8, calls
    rows = result.to_dicts()
    assert [row["result"] for row in rows] == [f"{float(n)} n{n} {float(2 * n + 1 + 2)} 8 True" for n in range(KEYS)]


@pytest.mark.parametrize("off", ["class", "argument"])
def test_it_can_be_turned_off(lab: Lab, caplog: pytest.LogCaptureFixture, off: str) -> None:
    Source = lab.Source

    def make(self: Table, key: Key) -> None:
        self.insert1({**key, "result": str((Source & key).fetch1("x"))})

    result = lab.table(make, prefetch=off != "class")
    with noted(caplog) as calls:
        result.populate(prefetch=off == "class")
    assert calls["PrefetchReads"] == 0
    assert calls["FetchFewRows"] == KEYS


def test_a_read_that_only_some_keys_make_is_asked_for_by_itself(lab: Lab) -> None:
    Source, Sweep = lab.Source, lab.Sweep

    def make(self: Table, key: Key) -> None:
        x = (Source & key).fetch1("x")
        if x % 7 == 3:
            x += len(Sweep & key & "sweep > 0")
        self.insert1({**key, "result": str((Source & key).fetch1("name")) + str(x)})

    result = lab.table(make)
    result.populate()
    assert [row["result"] for row in result.to_dicts()] == [f"n{n}{float(n) + (n % 7 == 3)}" for n in range(KEYS)]


def test_what_is_not_the_data_alone_is_never_fetched_ahead(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    Source, Sweep = lab.Source, lab.Sweep
    reads: dict[str, Callable[[Table, Key], object]] = {
        "RandomNumber": lambda self, key: (Source & key).proj(r="rand()").fetch1("r"),
        "TimeOfDay": lambda self, key: (Source & key).proj(r="now()").fetch1("r"),
        "OwnRows": lambda self, key: len(self & {"subject": key["subject"]}),
        "OwnJobs": lambda self, key: len(self.jobs & "priority = 5"),
        "AnyRow": lambda self, key: ((Sweep & key) & lv.Top(1, order_by="sweep DESC")).fetch1("sweep"),
    }
    for name, read in reads.items():

        def make(self: Table, key: Key, read: Callable[[Table, Key], object] = read) -> None:
            self.insert1({**key, "result": str(read(type(self), key))[:30]})

        result = lab.table(make, name)
        with noted(caplog) as calls:
            result.populate()
        asked = calls["FetchFewRows"] + calls["CountRelation"]
        assert asked >= KEYS, (name, calls)
        assert len(result()) == KEYS


def test_a_recording_keeps_every_read_of_make(lab: Lab, connection: lv.Connection) -> None:
    Source, Sweep = lab.Source, lab.Sweep

    def make(self: Table, key: Key) -> None:
        x = (Source & key).fetch1("x")
        self.insert1({**key, "result": f"{x} {len(Sweep & key)} {bool(lab.Other & {'other': key['source']})}"})

    result = lab.table(make)
    with lv.recording("paper", connection=connection):
        result.populate()
    reads = recorded_reads(connection, "paper")
    kept = Counter(read.relation.nodes[0].table.name.table for read in reads if read.relation.conditions)
    assert [kept[table] for table in ("Source", "Sweep", "Other")] == [KEYS, KEYS, 4]


def test_own_rows_are_seen_as_without_it(lab: Lab) -> None:
    def make(self: Table, key: Key) -> None:
        before = len(type(self) & {"subject": key["subject"]})
        self.insert1({**key, "result": str(before)})

    plain, ahead = lab.table(make, "Plain"), lab.table(make, "Ahead")
    plain.populate(prefetch=False)
    ahead.populate()
    assert ahead.to_dicts()[0]["result"] == "0"


def test_a_change_between_is_found_by_verified_reads(lab: Lab, connection: lv.Connection) -> None:
    Source = lab.Source
    changed: list[int] = []

    def make_fetch(self: Table, key: Key) -> tuple[float]:
        return ((Source & key).fetch1("x"),)

    def make_compute(self: Table, key: Key, x: float) -> tuple[float]:
        if key == {"subject": 3, "source": 0} and not changed:
            changed.append(1)
            with lv.Connection(*connection.arguments[:2]) as other:
                table = lv.FreeTable(other, "lab.Source")
                for row in table.to_dicts():
                    table.update1({**{k: row[k] for k in ("subject", "source")}, "x": row["x"] + 100})
        return (x,)

    def make_insert(self: Table, key: Key, x: float) -> None:
        self.insert1({**key, "result": str(x)})

    steps = {"make_fetch": make_fetch, "make_compute": make_compute, "make_insert": make_insert}
    definition = "-> Source\n---\nresult : varchar(20)\n"
    result: Table = lab.schema(
        type("Verified", (lv.Computed,), {"definition": definition, **steps}), context={"Source": Source}
    )
    while len(result()) < KEYS:
        result.populate(suppress_errors=True)
    values = {(r["subject"], r["source"]): float(r["result"]) for r in result.to_dicts()}
    now = {(r["subject"], r["source"]): r["x"] for r in Source.to_dicts()}
    assert all(values[k] == now[k] for k in now if k >= (3, 0))


def test_an_error_is_raised_at_the_line_that_reads(lab: Lab) -> None:
    Source, Other = lab.Source, lab.Other
    lab.schema.make_contract = "on"

    def make(self: Table, key: Key) -> None:
        x = (Source & key).fetch1("x")
        if x > 10:
            x += len(Other & {"other": key["source"]})
        self.insert1({**key, "result": str(x)})

    result = lab.table(make)
    errors = result.populate(suppress_errors=True, return_exception_objects=True)["error_list"]
    assert len(errors) == KEYS - 11
    assert all(isinstance(error, lv.errors.MakeContract) for _, error in errors)


def test_a_make_that_changes_other_tables_sees_what_it_changed(lab: Lab) -> None:
    Source, Other = lab.Source, lab.Other

    def make(self: Table, key: Key) -> None:
        y = (Other & {"other": 0}).fetch1("y")
        Other.update1({"other": 0, "y": y + 1})
        self.insert1({**key, "result": str(y + (Source & key).fetch1("x") * 0)})

    result = lab.table(make)
    result.populate()
    assert sorted(float(row["result"]) for row in result.to_dicts()) == [float(n) for n in range(KEYS)]


def test_a_table_declared_anew_with_another_key_is_learned_anew(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    Source = lab.Source

    def make(self: Table, key: Key) -> None:
        self.insert1({**key, "result": str((Source & key).fetch1("x"))})

    lab.table(make).populate()
    lab.table(make).drop(prompt=False)

    def make_anew(self: Table, key: Key) -> None:
        self.insert1({**key, "y": (lab.Other & key).fetch1("y")})

    definition = "-> Other\n---\ny : float64\n"
    members = {"definition": definition, "make": make_anew}
    result: Table = lab.schema(type("Result", (lv.Computed,), members), context={"Other": lab.Other})
    with noted(caplog) as calls:
        assert result.populate()["success_count"] == 8
    assert calls["PrefetchReads"] > 0


READS: dict[str, Callable[[Lab, Table, Key], object]] = {
    "one": lambda lab, table, key: (lab.Source & key).fetch1("x"),
    "renamed": lambda lab, table, key: (
        (lab.Source.proj(s="source", v="x") & {"s": key["source"]}).fetch("v", order_by="KEY").tolist()
    ),
    "part": lambda lab, table, key: (lab.Source & {"subject": key["subject"]}).to_dicts(order_by="KEY"),
    "sweeps": lambda lab, table, key: (lab.Sweep & key).to_arrays("trace", order_by="KEY").tolist(),
    "constant": lambda lab, table, key: (lab.Other & {"other": 3}).fetch1("y"),
    "swapped": lambda lab, table, key: (lab.Other & {"other": key["source"]}).fetch("y").tolist(),
    "computed": lambda lab, table, key: (lab.Other & {"other": key["source"] + key["subject"] % 2}).fetch("y").tolist(),
    "text": lambda lab, table, key: len(lab.Sweep & f"source = {key['source']}"),
    "count": lambda lab, table, key: len(lab.Sweep & key),
    "exists": lambda lab, table, key: bool(lab.Other & {"other": key["subject"] + 5}),
    "join": lambda lab, table, key: len((lab.Source * lab.Sweep) & key & {"sweep": 1}),
    "aggregate": lambda lab, table, key: lab.Source.aggr(lab.Sweep, n="count(*)").restrict(key).fetch1("n"),
    "list": lambda lab, table, key: len(lab.Other & {"other": [1, key["source"]]}),
    "entities": lambda lab, table, key: len(lab.Source & [key, {"subject": 0, "source": 0}]),
    "top": lambda lab, table, key: (lab.Source & key & lv.Top(1)).fetch1("name"),
    "largest": lambda lab, table, key: ((lab.Sweep & {"subject": key["subject"]}) & lv.Top(3, "KEY DESC")).to_dicts(),
    "all": lambda lab, table, key: len((lab.Sweep).to_dicts()),
    "missing": lambda lab, table, key: len((lab.Source & {"subject": 99}).to_dicts()),
}
WHEN: dict[str, Callable[[Key], bool]] = {
    "always": lambda key: True,
    "even": lambda key: key["source"] % 2 == 0,
    "seldom": lambda key: key == {"subject": 4, "source": 1},
}
_step = st.tuples(st.sampled_from(sorted(READS)), st.sampled_from(["always", "always", "always", "even", "seldom"]))


def _nothing(self: Table, key: Key) -> None:
    """Stand for a `make` that an example of the test gives."""


@pytest.fixture
def twins(lab: Lab) -> dict[str, Any]:
    """Two tables with parts, alike but for the name."""
    return {
        name: lab.table(_nothing, name, Part=type("Part", (lv.Part,), {"definition": "-> master\nn : int32\n"}))
        for name in ("Plain", "Ahead")
    }


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(_step, min_size=1, max_size=6), inserts_at=st.integers(0, 6), fresh=st.booleans())
def test_results_and_receipts_are_those_without_it(
    lab: Lab, twins: dict[str, Any], steps: list[tuple[str, str]], inserts_at: int, fresh: bool
) -> None:
    def make(self: Table, key: Key) -> None:
        told = []
        inserted = False
        for number, (read, when) in enumerate(steps):
            if number == inserts_at:
                self.Part.insert1({**key, "n": 0})
                inserted = True
            if WHEN[when](key):
                told.append(READS[read](lab, self, key))
        self.insert1({**key, "result": repr(told)[:2000]})
        if not inserted:
            self.Part.insert1({**key, "n": 1})

    found = []
    for name in ("Plain", "Ahead"):
        table = twins[name]
        table.make = make
        table.delete(safemode=False)
        # A new thread has learned nothing; this one has learned from other makes.
        with ThreadPoolExecutor(1) if fresh else nullcontext() as thread:
            run = partial(table.populate, prefetch=name == "Ahead")
            thread.submit(run).result() if thread else run()
        found.append((table.to_arrays("result", order_by="KEY").tolist(), receipts(lab, name)))
    plain, ahead = found
    assert ahead == plain


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(st.integers(0, KEYS - 1), min_size=1, max_size=40), fresh=st.booleans())
def test_beside_writers_no_read_is_older_than_one_before_and_stale_results_are_known(
    lab: Lab, twins: dict[str, Any], connection: lv.Connection, changes: list[int], fresh: bool
) -> None:
    """Other clients only ever raise `x`, so that a larger value is a later one."""
    Source, result = lab.Source, twins["Ahead"]
    began = threading.Event()

    def values(table: Table) -> dict[tuple[int, int], float]:
        return {(row["subject"], row["source"]): row["x"] for row in table.to_dicts()}

    def write() -> None:
        with lv.Connection(*connection.arguments[:2]) as other:
            table = lv.FreeTable(other, "lab.Source")
            known = values(table)
            began.wait()
            for number, change in enumerate(changes):
                subject, source = divmod(change, 4)
                known[subject, source] += 1 + number
                table.update1({"subject": subject, "source": source, "x": known[subject, source]})

    def make(self: Table, key: Key) -> None:
        began.set()
        read = [float((Source & key).fetch1("x"))]
        read += (Source & {"subject": key["subject"]}).to_arrays("x", order_by="KEY").tolist()
        read.append(float((Source & key).fetch1("x")))
        self.insert1({**key, "result": json.dumps(read)})
        self.Part.insert1({**key, "n": 0})

    result.make = make
    result.delete(safemode=False)
    before = values(Source)
    with ThreadPoolExecutor(1) as writer, ThreadPoolExecutor(1) if fresh else nullcontext() as thread:
        writing = writer.submit(write)
        run = partial(result.populate, prefetch=True)
        done = thread.submit(run).result() if thread else run()
        began.set()
        writing.result()
    assert done["success_count"] == KEYS
    after = values(Source)
    changed = set()
    for row in result.to_dicts():
        subject, source = key = row["subject"], row["source"]
        first, *all_, last = json.loads(row["result"])
        assert before[key] <= first <= all_[source] <= last <= after[key]
        assert all(before[subject, n] <= x <= after[subject, n] for n, x in enumerate(all_))
        if [first, *all_, last] != [after[key], *(after[subject, n] for n in range(4)), after[key]]:
            changed.add(key)
    stale = {(row["subject"], row["source"]) for row in result.stale().to_dicts()}
    assert stale == changed, "a receipt names other rows than make got"

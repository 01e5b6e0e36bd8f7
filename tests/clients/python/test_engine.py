"""Populate by the processes of others: executors of concurrent.futures, and Dask."""

from __future__ import annotations

import multiprocessing
import warnings
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

import levada as lv
from levada._net.recordings import recorded_reads

if TYPE_CHECKING:
    from pathlib import Path

Module = Any
"""A module that a test has written."""
TESTS = ("levada._crew.engine", "levada._net.recordings")


def check(module: Module, engine: object) -> None:
    """Populate in parts, with an error between."""
    square = module.Square
    assert square.populate("n < 3", engine=engine) == {"success_count": 3, "error_list": []}
    assert square.populate(engine=engine, max_calls=2, order="reverse")["success_count"] == 2
    assert (square & "n > 27").to_arrays("n", order_by="KEY").tolist() == [28, 29]
    with pytest.raises(module.OwnError, match="7 is bad"):
        square.populate("n = 7", engine=engine, make_kwargs={"worst": 7})
    assert len(square.jobs.reserved) == 0
    result = square.populate(engine=engine, make_kwargs={"worst": 7}, suppress_errors=True)
    assert result == {"success_count": 24, "error_list": [({"n": 7}, "OwnError: 7 is bad")]}
    assert square.populate(engine=engine)["success_count"] == 1
    assert sorted(square.to_arrays("square")) == [n**2 for n in range(30)]


def test_processes_of_an_executor_compute(module: Module) -> None:
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as engine:
        check(module, engine)
    assert len(set(module.Square.to_arrays("process"))) <= 2


def test_dask_computes(module: Module) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Dask's own
        from distributed import Client, LocalCluster

        cluster = LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None)
        with cluster, Client(cluster) as engine:
            check(module, engine)


def test_dask_runs_jobs_again_whose_workers_were_killed_and_gives_up_the_one_that_kills_them(
    module: Module, tmp_path: Path
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Dask's own
        from distributed import Client, LocalCluster

        cluster = LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None)
        with cluster, Client(cluster) as engine:
            result = module.Square.populate(engine=engine, make_kwargs={"worst": "dies"}, suppress_errors=True)
    ((key, message),) = result["error_list"]
    assert (result["success_count"], key) == (29, {"n": 24})
    assert "WorkerLost: " in message
    calls = Counter(map(int, (tmp_path / "calls").read_text(encoding="utf-8").split()))
    assert all(calls[n] >= 2 for n in (3, 10, 17))
    assert module.Square.jobs.errors.fetch1("n", "error_type") == (24, "WorkerLost")
    assert module.Square.populate()["success_count"] == 1
    assert sorted(module.Square.to_arrays("square")) == [n**2 for n in range(30)]


def test_threads_compute(module: Module) -> None:
    with ThreadPoolExecutor(3) as engine:
        check(module, engine)


def test_class_of_a_notebook_travels_by_itself(module: Module, connection: lv.Connection) -> None:
    @lv.Schema("notebook", connection=connection)
    class Cube(lv.Computed):
        definition = """
        -> module.Number
        ---
        cube : int64
        """

        def make(self, key: dict[str, int]) -> None:
            self.insert1({**key, "cube": key["n"] ** 3})

    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as engine:
        assert Cube.populate("n < 3", engine=engine)["success_count"] == 3
    assert Cube.to_arrays("cube", order_by="KEY").tolist() == [0, 1, 8]


def test_recording_keeps_what_processes_read_that_began_before_it(module: Module, connection: lv.Connection) -> None:
    @lv.Schema("notebook", connection=connection)
    class Copy(lv.Computed):
        definition = """
        -> module.Number
        """

        def make(self, key: dict[str, int]) -> None:
            assert len(lv.FreeTable(self.connection, "squares.Number") & key) == 1
            self.insert1(key)

    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as engine:
        Copy.populate("n < 2", engine=engine)
        with lv.recording("paper", connection=connection):
            assert Copy.populate("n < 12", engine=engine)["success_count"] == 10
        Copy.populate(engine=engine)
    kept = [read for read in recorded_reads(connection, "paper") if read.relation.conditions and read.kind == "count"]
    assert [(len(read.relation.nodes), read.read_count) for read in kept] == [(2, 1)] * 10


def test_engine_whose_process_dies_gives_its_jobs_back(module: Module) -> None:
    from concurrent.futures.process import BrokenProcessPool

    with (
        ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as engine,
        pytest.raises(BrokenProcessPool),
    ):
        module.Square.populate(engine=engine, make_kwargs={"worst": "exit"})
    assert len(module.Square.jobs.pending) == 30
    assert module.Square.populate()["success_count"] == 30


def test_what_is_no_engine_says_so(module: Module) -> None:
    with pytest.raises(lv.errors.InvalidRequest, match="a Dask client or an executor"):
        module.Square.populate(engine="dask")
    with (
        ThreadPoolExecutor(1) as engine,
        pytest.raises(lv.errors.InvalidRequest, match="either processes or an engine"),
    ):
        module.Square.populate(engine=engine, processes=2)
    with (
        ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as engine,
        pytest.raises(lv.errors.InvalidRequest, match="cannot be pickled"),
    ):
        module.Square.populate(engine=engine, make_kwargs={"worst": lambda: None})

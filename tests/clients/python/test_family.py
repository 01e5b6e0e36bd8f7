"""Processes of a make and of populate: they end as under a plain interpreter, and what dies fails its own job alone."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

import psutil
import pytest

import levada as lv

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

if sys.platform == "win32":
    pytest.skip("Windows has no signals and does not fork.", allow_module_level=True)

Module = Any
"""A module that a test has written."""

_MODULE = '''
import asyncio
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor
import levada as lv

schema = lv.Schema("family")
fork = multiprocessing.get_context("fork")

@schema
class Number(lv.Lookup):
    definition = "n : int32"
    contents = [(n,) for n in range(4)]

@schema
class Ended(lv.Computed):
    """
    How children of a make end that it ends by a signal.
    """
    definition = """
    -> Number
    ---
    forked : int32
    started : int32
    interrupted : int32
    """

    def make(self, key):
        child = fork.Process(target=time.sleep, args=(60,))
        child.start()
        child.terminate()
        child.join(20)
        codes = []
        for number in (signal.SIGTERM, signal.SIGINT):
            program = subprocess.Popen(["sleep", "60"])
            program.send_signal(number)
            codes.append(program.wait(20))
        self.insert1({**key, "forked": child.exitcode, "started": codes[0], "interrupted": codes[1]})

@schema
class Stuck(lv.Computed):
    definition = "-> Number"
    make_time_limit = 2

    def make(self, key):
        if key["n"] == 1:
            for away in (False, True):
                pid = os.fork()
                if pid == 0:  # it holds all the pipes of the worker open
                    if away:
                        os.setpgid(0, 0)
                    time.sleep(600)
                    os._exit(0)
                with open(os.environ["CHILDREN"], "a") as children:
                    children.write(f"{pid}\\n")
            threading.Event().wait()
        self.insert1(key)

@schema
class Pooled(lv.Computed):
    definition = """
    -> Number
    ---
    total : int32
    """

    def make(self, key):
        context = multiprocessing.get_context(("spawn", "forkserver")[key["n"] % 2])
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            if key["n"] == 1:
                pool.submit(os._exit, 9).result()
            self.insert1({**key, "total": sum(pool.map(abs, [-1, -2]))})

@schema
class Dying(lv.Computed):
    definition = "-> Number"

    def make(self, key):
        match key["n"]:
            case 0:
                os._exit(7)
            case 1:
                os.kill(os.getpid(), signal.SIGKILL)
            case 2:
                os._exit(0)
        self.insert1(key)

class NoText(Exception):
    def __str__(self):
        raise RuntimeError("no text")

class NoPickle(Exception):
    def __init__(self, first, second):
        super().__init__("not to be pickled")
        self.lock = threading.Lock()

class WorsePickle(Exception):
    def __reduce__(self):
        raise SystemExit("not to be pickled either")

class Base(BaseException):
    pass

ERRORS = [NoText(), NoPickle(1, 2), WorsePickle("worse"), Base("base")]

@schema
class Failing(lv.Computed):
    definition = "-> Number"

    def make(self, key):
        raise ERRORS[key["n"]]

@schema
class Cancelled(lv.Computed):
    definition = "-> Number"

    def make(self, key):
        raise (asyncio.CancelledError, GeneratorExit)[key["n"] % 2](f"number {key['n']}")

@schema
class Interrupted(lv.Computed):
    definition = "-> Number"

    def make(self, key):
        raise KeyboardInterrupt("of its own")
'''


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server_address: str) -> Iterator[Module]:
    """A module of a pipeline that processes can import."""
    name = "pipeline_of_families"
    (tmp_path / f"{name}.py").write_text(_MODULE, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("CHILDREN", str(tmp_path / "children"))
    with lv.connect(server_address):
        yield importlib.import_module(name)
    del sys.modules[name]


def test_a_make_ends_its_own_processes_as_under_a_plain_interpreter(module: Module) -> None:
    assert module.Ended.populate(processes=2)["success_count"] == 4
    assert set(zip(*module.Ended.to_arrays("forked", "started", "interrupted"), strict=True)) == {(-15, -15, -2)}


def test_a_time_limit_ends_the_whole_family(module: Module, tmp_path: Path) -> None:
    result = module.Stuck.populate(processes=2, suppress_errors=True)
    ((key, message),) = result["error_list"]
    assert key == {"n": 1}
    assert "TimeLimitExceeded" in message
    assert result["success_count"] == 3
    children = [int(line) for line in (tmp_path / "children").read_text().split()]
    assert len(children) == 2
    for pid in children:
        assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_pool_of_a_make_works_and_a_process_of_it_that_dies_fails_its_job_alone(module: Module) -> None:
    result = module.Pooled.populate(processes=2, suppress_errors=True)
    ((key, message),) = result["error_list"]
    assert key == {"n": 1}
    assert message.startswith("BrokenProcessPool")
    assert sorted(module.Pooled.to_dicts(), key=lambda row: row["n"]) == [{"n": n, "total": 3} for n in (0, 2, 3)]


def test_a_process_that_dies_fails_its_job_alone(module: Module) -> None:
    result = module.Dying.populate(processes=2, suppress_errors=True)
    assert result["success_count"] == 1
    told = dict(sorted((key["n"], message) for key, message in result["error_list"]))
    assert [message.partition(":")[0] for message in told.values()] == ["LevadaError"] * 3
    assert "ended with exit code 7 while it computed make of `family.Dying`" in told[0]
    assert "was killed by SIGKILL while" in told[1]
    assert "ended with exit code 0 while" in told[2]
    assert set(module.Dying.jobs.errors.to_arrays("error_type")) == {"WorkerLost"}
    with pytest.raises(lv.errors.LevadaError, match="WorkerLost: The process ended with exit code 7"):
        (module.Dying).populate("n = 0", processes=2)


@pytest.mark.parametrize("processes", [1, 2])
def test_an_error_of_whatever_class_is_that_of_its_job(module: Module, processes: int) -> None:
    result = module.Failing.populate(processes=processes, suppress_errors=True)
    assert sorted(key["n"] for key, _ in result["error_list"]) == [0, 1, 2, 3]
    kept = module.Failing.jobs.errors.to_arrays("n", "error_type", "error_message")
    assert sorted(zip(*kept, strict=True)) == [
        (0, "NoText", "(no text: NoText.__str__ raised RuntimeError)"),
        (1, "NoPickle", "not to be pickled"),
        (2, "WorsePickle", "worse"),
        (3, "Base", "base"),
    ]


@pytest.mark.parametrize("processes", [1, 2])
def test_a_cancellation_in_a_make_is_the_error_of_its_job(module: Module, processes: int) -> None:
    result = module.Cancelled.populate(processes=processes, suppress_errors=True)
    assert len(result["error_list"]) == 4
    kept = module.Cancelled.jobs.errors.to_arrays("n", "error_type", "error_message")
    names = ("CancelledError", "GeneratorExit")
    assert sorted(zip(*kept, strict=True)) == [(n, names[n % 2], f"number {n}") for n in range(4)]


def test_an_interrupt_that_a_make_raises_in_a_process_is_the_error_of_its_job(module: Module) -> None:
    with pytest.raises(KeyboardInterrupt, match="of its own"):
        module.Interrupted.populate(processes=1 + 1, max_calls=2)
    kept = module.Interrupted.jobs.errors.to_arrays("error_type", "error_message")
    assert ("KeyboardInterrupt", "of its own") in set(zip(*kept, strict=True))

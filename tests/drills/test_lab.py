"""A lab in a box computes, stores and is backed up, also when one of its servers is killed. `make lab` runs one."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from benchmarks import lab
from tests.support.client import forget_default_connection

if TYPE_CHECKING:
    import pytest


def test_a_lab_in_a_box_does_its_work_though_a_server_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_default_connection(monkeypatch)
    monkeypatch.delitem(sys.modules, lab.PIPELINE, raising=False)  # it declares its tables when it is imported
    said: list[str] = []
    with lab.opened() as box:
        lab.run(box, said.append, halfway=box.servers[0].kill)
        assert box.servers[0].poll() is not None
        processes = (*box.servers[1:], *box.workers)
        assert [process.poll() for process in processes] == [None] * len(processes)
    assert [process.returncode for process in box.servers[1:]] == [0]
    assert {process.returncode for process in box.workers} == {0}
    del sys.modules[lab.PIPELINE]
    assert [text.split()[0] for text in said] == ["two", "computed", "stored", "made", "dashboard"]

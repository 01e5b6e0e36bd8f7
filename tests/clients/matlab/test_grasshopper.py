"""The example's tables computed by MATLAB code: the numbers of Python, and jobs that both share."""

from __future__ import annotations

import importlib
import os
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import levada as lv
from tests.clients.matlab.m_tests import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from tests.clients.matlab.m_tests import MTests

PIPELINE = "examples.grasshopper.pipeline"
CODE = ROOT / "examples" / "grasshopper" / "matlab"
COMPUTED = ("SpikeTrain", "FiringRate", "IntervalStatistics", "SpikeTriggeredAverage")
SOME = {"presentation": 2, "segmentation": "whole seconds"}


@pytest.fixture
def pipeline(server_address: str) -> Iterator[ModuleType]:
    """The example's module, declared and filled by Python."""
    sys.modules.pop(PIPELINE, None)
    with lv.connect(server_address):
        module = importlib.import_module(PIPELINE)
        module.fill()
        module.Recording.populate()
        yield module
    sys.modules.pop(PIPELINE, None)


def results(pipeline: ModuleType) -> dict[str, list[dict[str, Any]]]:
    tables = {name: getattr(pipeline, name) for name in COMPUTED}
    tables["SpikeTrain.Segment"] = pipeline.SpikeTrain.Segment
    tables["SpikeTriggeredAverage.Segment"] = pipeline.SpikeTriggeredAverage.Segment
    return {name: table.to_dicts(order_by="KEY") for name, table in tables.items()}


def test_matlab_computes_what_python_computes(pipeline: ModuleType, m_tests: MTests, server_address: str) -> None:
    m_tests.run(
        "testGrasshopper", "test_populate", server_address, folder=CODE, tables=list(COMPUTED), restriction=SOME
    )
    by_matlab = results(pipeline)
    # Python goes on with the rows that MATLAB stored.
    pipeline.FiringRate.delete(prompt=False)
    assert pipeline.FiringRate.populate(SOME)["success_count"] == 30
    assert_close(by_matlab["FiringRate"], pipeline.FiringRate.to_dicts(order_by="KEY"))
    pipeline.SpikeTrain.delete(prompt=False)
    for name in COMPUTED:
        getattr(pipeline, name).populate(SOME)
    by_python = results(pipeline)
    assert {name: len(rows) for name, rows in by_python.items()} == {
        "SpikeTrain": 1,
        "FiringRate": 30,
        "IntervalStatistics": 30,
        "SpikeTriggeredAverage": 3,
        "SpikeTrain.Segment": 10,
        "SpikeTriggeredAverage.Segment": 30,
    }
    for name, rows in by_python.items():
        assert_close(by_matlab[name], rows)


def assert_close(first: list[dict[str, Any]], second: list[dict[str, Any]]) -> None:
    """Compare rows to 1e-12; a vector of MATLAB is a column."""
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        assert list(one) == list(other)
        for name, value in other.items():
            if isinstance(value, (float, np.ndarray)):
                np.testing.assert_allclose(np.ravel(one[name]), np.ravel(value), rtol=1e-12, atol=0)
            else:
                assert one[name] == value


def test_workers_of_both_languages_share_the_jobs_of_a_table(
    pipeline: ModuleType, m_tests: MTests, server_address: str
) -> None:
    pipeline.SpikeTrain.populate()
    m_tests.ask("testGrasshopper", "test_work", server_address, folder=CODE, table="FiringRate", most=40)
    m_tests.wait_for_line("success")
    pipeline.FiringRate.populate()
    matlab_process = m_tests.answer()
    pipeline.FiringRate.populate()
    jobs = pipeline.FiringRate.jobs.to_dicts()
    assert len(jobs) == len(pipeline.FiringRate) == 180
    assert {job["state"] for job in jobs} == {"success"}
    assert all(job["attempt"] == 1 for job in jobs)
    by_process = [job["pid"] for job in jobs]
    assert set(by_process) == {os.getpid(), matlab_process}
    assert 1 <= by_process.count(matlab_process) <= 40

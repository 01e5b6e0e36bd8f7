"""The example's pipeline stores the numbers that a direct computation gives, also when a worker is killed."""

from __future__ import annotations

import importlib
import os
import re
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import levada as lv
from examples.grasshopper import files
from tests.support.demos import DEMO_TIMEOUT_S, demo_environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import ModuleType

    import numpy.typing as npt

PIPELINE = "examples.grasshopper.pipeline"

SEGMENT_US = {"whole seconds": 1_000_000, "half seconds": 500_000}
# parameter_set: bin, short interval, window
PARAMETERS_US = {"fine": (5_000, 5_000, 10_000), "medium": (10_000, 8_000, 20_000), "coarse": (50_000, 12_000, 40_000)}
STEP_US = 50
ENTITIES = {
    "Recording": 2,
    "SpikeTrain": 4,
    "FiringRate": 180,
    "IntervalStatistics": 180,
    "SpikeTriggeredAverage": 12,
}


@pytest.fixture
def pipeline(server_address: str) -> Iterator[ModuleType]:
    """The example's module, declared on the server of this test."""
    # The module declares its tables when it is imported, so each test imports it anew.
    sys.modules.pop(PIPELINE, None)
    with lv.connect(server_address):
        yield importlib.import_module(PIPELINE)
    sys.modules.pop(PIPELINE, None)


class Direct:
    """Computes results straight from the files, in whole microseconds."""

    def __init__(self) -> None:
        folder = files.data_folder()
        self._spikes: dict[int, npt.NDArray[np.int64]] = {}
        self._level: dict[int, npt.NDArray[np.float64]] = {}
        for number, intensity in ((1, 76.4286), (2, 71.2)):
            self._spikes[number] = np.loadtxt(folder / f"grasshopper_spike_times{number}.txt").astype(np.int64)
            amplitude = np.loadtxt(folder / f"grasshopper_stimulus{number}.txt")[:, 1]
            level = (20 / np.log(10)) * np.log(amplitude / 2.0e-5)
            self._level[number] = intensity - level.max() + level

    def spikes(self, row: dict[str, Any]) -> npt.NDArray[np.int64]:
        """Spikes of a segment, in µs from its start."""
        width = SEGMENT_US[row["segmentation"]]
        since_start: npt.NDArray[np.int64] = self._spikes[row["presentation"]] - row["segment"] * width
        return since_start[(since_start >= 0) & (since_start < width)]

    def rate(self, row: dict[str, Any]) -> npt.NDArray[np.float64]:
        bin_us = PARAMETERS_US[row["parameter_set"]][0]
        counts = np.zeros(SEGMENT_US[row["segmentation"]] // bin_us)
        np.add.at(counts, self.spikes(row) // bin_us, 1)
        return counts * 1e6 / bin_us

    def average(self, row: dict[str, Any]) -> tuple[npt.NDArray[np.float64], int]:
        """Return the mean level before the spikes of a row's segment, or before all; and the number of spikes."""
        length = PARAMETERS_US[row["parameter_set"]][2] // STEP_US
        if "segment" in row:
            spikes = self.spikes(row) + row["segment"] * SEGMENT_US[row["segmentation"]]
        else:
            spikes = self._spikes[row["presentation"]]
        total, count = np.zeros(length), 0
        for sample in (spikes // STEP_US).tolist():
            if sample >= length:
                total += self._level[row["presentation"]][sample - length : sample]
                count += 1
        return total / count, count


def check_results(pipeline: ModuleType) -> None:
    """Compare every stored result with the direct computation."""
    direct = Direct()
    for row in pipeline.FiringRate.to_dicts():
        rate = direct.rate(row)
        np.testing.assert_allclose(row["rate"], rate, rtol=1e-12)
        assert (row["mean_rate"], row["peak_rate"]) == pytest.approx((rate.mean(), rate.max()))
        bin_s = PARAMETERS_US[row["parameter_set"]][0] / 1e6
        assert row["fano_factor"] == pytest.approx((rate * bin_s).var() / (rate * bin_s).mean())
    for row in pipeline.IntervalStatistics.to_dicts():
        intervals = np.diff(direct.spikes(row))
        first, second = intervals[:-1], intervals[1:]
        expected = {
            "interval_count": intervals.size,
            "mean_interval": intervals.mean() / 1e6,
            "std_interval": intervals.std() / 1e6,
            "cv": intervals.std() / intervals.mean(),
            "local_variation": 3 * np.mean((first - second) ** 2 / (first + second) ** 2),
            "short_fraction": np.mean(intervals < PARAMETERS_US[row["parameter_set"]][1]),
        }
        assert {name: row[name] for name in expected} == pytest.approx(expected)
    for row in pipeline.SpikeTriggeredAverage.to_dicts():
        average, count = direct.average(row)
        assert row["spike_count"] == count
        np.testing.assert_allclose(row["average"], average, rtol=1e-12)
        assert row["peak_level"] == pytest.approx(average.max())
        assert row["lags"][average.argmax()] == row["peak_lag"]
        np.testing.assert_allclose(row["lags"], np.arange(-average.size, 0) * STEP_US / 1e6, rtol=0, atol=1e-12)
    for row in pipeline.SpikeTriggeredAverage.Segment.to_dicts():
        average, count = direct.average(row)
        assert row["spike_count"] == count
        np.testing.assert_allclose(row["average"], average, rtol=1e-12)


def counts(pipeline: ModuleType) -> dict[str, int]:
    return {table.__name__: len(table) for table in pipeline.COMPUTED}


def test_populate_stores_what_a_direct_computation_gives(pipeline: ModuleType) -> None:
    pipeline.fill()
    computed = {table.__name__: table.populate()["success_count"] for table in pipeline.COMPUTED}
    assert computed == counts(pipeline) == ENTITIES
    assert len(pipeline.SpikeTrain.Segment) == 60
    assert len(pipeline.SpikeTriggeredAverage.Segment) == 180
    check_results(pipeline)


def test_second_populate_computes_nothing_and_a_deleted_result_comes_back(pipeline: ModuleType) -> None:
    pipeline.fill()
    pipeline.Recording.populate()
    pipeline.SpikeTrain.populate()
    some = {"presentation": 2, "segmentation": "half seconds"}
    assert pipeline.SpikeTriggeredAverage.populate(some)["success_count"] == 3
    assert pipeline.SpikeTriggeredAverage.populate(some)["success_count"] == 0
    one = pipeline.SpikeTriggeredAverage & some & {"parameter_set": "fine"}
    before = one.fetch1()
    assert one.delete(prompt=False) == 1
    assert not one
    assert pipeline.SpikeTriggeredAverage.populate(some)["success_count"] == 1
    np.testing.assert_equal(one.fetch1(), before)


def test_new_parameters_are_computed_and_nothing_else(pipeline: ModuleType) -> None:
    pipeline.fill()
    pipeline.Recording.populate()
    pipeline.SpikeTrain.populate()
    one = {"presentation": 1, "segmentation": "half seconds", "segment": 19}
    pipeline.FiringRate.populate(one)
    pipeline.AnalysisParameters.insert1(("sparse", 0.1, 0.02, 0.005))
    assert pipeline.FiringRate.populate(one)["success_count"] == 1
    assert (pipeline.FiringRate & one & {"parameter_set": "sparse"}).fetch1("rate").shape == (5,)


def run_demo(folder: Path, server_address: str, kill_one: bool) -> str:
    """Run the demo in a folder, and kill its first worker in the middle if asked to; return its output."""
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "examples.grasshopper"],
        cwd=folder,
        env=demo_environment(server_address),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    watchdog = threading.Timer(DEMO_TIMEOUT_S, process.kill)
    watchdog.start()
    lines: list[str] = []
    worker = 0
    killed = False
    assert process.stdout is not None
    try:
        for line in process.stdout:
            lines.append(line)
            if started := re.search(r"worker 1 \(process (\d+)\) started", line):
                worker = int(started[1])
            progress = {name: (int(done), int(total)) for name, done, total in re.findall(r"(\w+) (\d+)/(\d+)", line)}
            begun = progress.get("FiringRate", (0, 0))[0] > 0
            middle = begun and any(done < total for done, total in progress.values())
            if kill_one and worker and middle and not killed:
                os.kill(worker, signal.SIGKILL)
                killed = True
    finally:
        watchdog.cancel()
        process.stdout.close()
    output = "".join(lines)
    assert process.wait() == 0, output
    assert killed == kill_one, f"there was no middle:\n{output}"
    return output


def test_demo_completes_when_a_worker_is_killed(pipeline: ModuleType, server_address: str, tmp_path: Path) -> None:
    output = run_demo(tmp_path, server_address, kill_one=True)
    assert re.search(r"worker 1 .* was ended by SIGKILL", output)
    assert re.search(r"worker 2 .* has nothing left to do", output)
    assert counts(pipeline) == ENTITIES
    assert [table.progress() for table in pipeline.COMPUTED] == [(0, total) for total in ENTITIES.values()]
    computed = [int(count) for count in re.findall(r"worker \d .* computed (\d+) results", output)]
    assert sum(computed) == sum(ENTITIES.values())
    assert "A second run computed 0 results." in output
    assert "Computed 1, with the same numbers as before." in output
    check_results(pipeline)


def test_demo_on_a_computed_pipeline_computes_only_what_it_deletes(
    pipeline: ModuleType, server_address: str, tmp_path: Path
) -> None:
    pipeline.fill()
    for table in pipeline.COMPUTED:
        table.populate()
    output = run_demo(tmp_path, server_address, kill_one=False)
    assert "Everything is there from an earlier run" in output
    assert re.findall(r"worker \d .* computed (\d+) results", output) == ["0", "0"]
    assert "A second run computed 0 results." in output
    assert "Computed 1, with the same numbers as before." in output
    picture = tmp_path / "build" / "grasshopper" / "grasshopper_sta.png"
    assert str(picture.relative_to(tmp_path)) in output
    assert picture.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"

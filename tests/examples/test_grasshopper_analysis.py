"""The analyses of the example agree with direct computations on the recordings, made in another way."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest

from examples.grasshopper import analysis, files

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

STEP_US = 50
DURATION_US = 10_000_000


@dataclass(frozen=True)
class Raw:
    """A recording as integers, read without the example's code.

    Attributes:
        spikes_us: Spike times in µs.
        level: dB SPL, one each 50 µs.
    """

    spikes_us: npt.NDArray[np.int64]
    level: npt.NDArray[np.float64]

    @property
    def spike_times(self) -> npt.NDArray[np.float64]:
        return self.spikes_us / 1e6


@pytest.fixture(params=[(1, 76.4286), (2, 71.2)], ids=["200 Hz", "800 Hz"], scope="module")
def raw(request: pytest.FixtureRequest) -> Raw:
    number, intensity = request.param
    folder = files.data_folder()
    spikes = np.loadtxt(folder / f"grasshopper_spike_times{number}.txt").astype(np.int64)
    amplitude = np.loadtxt(folder / f"grasshopper_stimulus{number}.txt")[:, 1]
    # The conversion of nitime's example, with its reference pressure.
    level = (20 / np.log(10)) * np.log(amplitude / 2.0e-5)
    return Raw(spikes, intensity - level.max() + level)


def test_files_are_read_with_their_units() -> None:
    spikes = files.read_spike_times(files.data_folder() / "grasshopper_spike_times2.txt")
    stimulus = files.read_stimulus(files.data_folder() / "grasshopper_stimulus2.txt")
    assert (spikes.cutoff_frequency, spikes.carrier_frequency, spikes.intensity) == (800.0, 2500.0, 71.2)
    assert spikes.spike_times[:3].tolist() == [0.0073, 0.0127, 0.0171]
    assert spikes.spike_times.size == 868
    assert stimulus.sampling_rate == 20_000.0
    assert stimulus.amplitude.shape == (200_000,)
    assert stimulus.amplitude[:2].tolist() == [0.203889, 0.217456]


@pytest.mark.parametrize(("number", "cutoff_hz"), [(1, 200), (2, 800)])
def test_spectrum_of_the_envelope_ends_where_the_header_says(number: int, cutoff_hz: int) -> None:
    # That is so only if a step is 50 µs: the files do not name their unit.
    stimulus = files.read_stimulus(files.data_folder() / f"grasshopper_stimulus{number}.txt")
    level = analysis.sound_level(stimulus.amplitude, peak_level=0.0)
    power = np.abs(np.fft.rfft(level - level.mean())) ** 2
    frequency = np.fft.rfftfreq(level.size, 1 / stimulus.sampling_rate)
    assert power[frequency <= cutoff_hz].sum() / power.sum() > 0.999
    assert power[frequency <= 0.95 * cutoff_hz].sum() / power.sum() < 0.97
    assert level.std() == pytest.approx(6.0, abs=0.02)  # the header's "standard deviation (dB)"


def test_unequal_steps_of_a_stimulus_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "stimulus.txt"
    file.write_text("0 0.5\n50 0.6\n150 0.7\n")
    with pytest.raises(ValueError, match="50 to 100 µs apart"):
        files.read_stimulus(file)


def test_missing_line_of_a_header_is_named(tmp_path: Path) -> None:
    file = tmp_path / "spikes.txt"
    file.write_text("# carrier freq (kHz): 2.5\n# intensity (dB): 70\n100\n")
    with pytest.raises(ValueError, match=r"cut-off frequency \(Hz\)"):
        files.read_spike_times(file)


def test_sound_level(raw: Raw) -> None:
    amplitude = 10 ** ((raw.level - raw.level.max()) / 20)
    np.testing.assert_allclose(analysis.sound_level(amplitude, raw.level.max()), raw.level, rtol=0, atol=1e-9)


@pytest.mark.parametrize("width_us", [1_000_000, 500_000, 300_000])
def test_segments_have_each_spike_once_and_in_its_place(raw: Raw, width_us: int) -> None:
    segments = analysis.segments(raw.spike_times, 10.0, width_us / 1e6)
    assert len(segments) == DURATION_US // width_us
    for index, segment in enumerate(segments):
        expected = [t for t in raw.spikes_us.tolist() if index * width_us <= t < (index + 1) * width_us]
        assert segment.start == pytest.approx(index * width_us / 1e6, abs=1e-12)
        assert (segment.spike_times * 1e6).round().astype(int).tolist() == expected


def test_spike_on_an_edge_belongs_to_what_begins_there() -> None:
    spike_times = np.array([0.0, 0.035, 0.07, 0.105])
    assert [s.spike_times.tolist() for s in analysis.segments(spike_times, 0.14, 0.035)] == [
        [0.0],
        [0.035],
        [0.07],
        [0.105],
    ]
    assert (analysis.firing_rate(spike_times, 0.0, 0.14, 0.035) * 0.035).tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize("bin_us", [5_000, 10_000, 50_000])
def test_firing_rate(raw: Raw, bin_us: int) -> None:
    start_us, duration_us = 2_500_000, 500_000
    inside = raw.spikes_us[(raw.spikes_us >= start_us) & (raw.spikes_us < start_us + duration_us)]
    counts = np.zeros(duration_us // bin_us)
    np.add.at(counts, (inside - start_us) // bin_us, 1)
    rate = analysis.firing_rate(inside / 1e6, start_us / 1e6, duration_us / 1e6, bin_us / 1e6)
    np.testing.assert_allclose(rate, counts * (1e6 / bin_us), rtol=1e-12)
    assert rate.mean() == pytest.approx(inside.size / 0.5)
    expected_fano = np.mean((counts - counts.mean()) ** 2) / counts.mean()
    assert analysis.fano_factor(rate, bin_us / 1e6) == pytest.approx(expected_fano)


def test_bins_that_do_not_fill_the_segment_are_refused() -> None:
    with pytest.raises(ValueError, match=r"0\.3 s do not fill 1 s"):
        analysis.firing_rate(np.array([0.1]), 0.0, 1.0, 0.3)


def test_interval_statistics(raw: Raw) -> None:
    times = raw.spikes_us.tolist()
    intervals = [b - a for a, b in pairwise(times)]
    mean = sum(intervals) / len(intervals)
    std = (sum((i - mean) ** 2 for i in intervals) / len(intervals)) ** 0.5
    neighbours = list(pairwise(intervals))
    variation = 3 / len(neighbours) * sum(((a - b) / (a + b)) ** 2 for a, b in neighbours)

    result = analysis.interval_statistics(raw.spike_times, 0.008)

    assert result.count == len(intervals)
    assert result.mean == pytest.approx(mean / 1e6)
    assert result.std == pytest.approx(std / 1e6)
    assert result.cv == pytest.approx(std / mean)
    assert result.local_variation == pytest.approx(variation)
    assert result.short_fraction == pytest.approx(sum(i < 8000 for i in intervals) / len(intervals))


def test_interval_as_long_as_the_limit_is_not_short() -> None:
    result = analysis.interval_statistics(np.array([0.1, 0.108, 0.115, 0.124]), 0.008)
    assert result.short_fraction == pytest.approx(1 / 3)


def test_interval_statistics_of_two_spikes_are_refused() -> None:
    with pytest.raises(ValueError, match="need 3 spikes, and there are 2"):
        analysis.interval_statistics(np.array([0.1, 0.2]), 0.008)


@pytest.mark.parametrize("window_us", [10_000, 40_000])
def test_spike_triggered_average(raw: Raw, window_us: int) -> None:
    length = window_us // STEP_US
    total, count = np.zeros(length), 0
    for spike in raw.spikes_us.tolist():
        sample = spike // STEP_US  # spike times are multiples of the step
        if sample >= length:
            total += raw.level[sample - length : sample]
            count += 1

    result = analysis.spike_triggered_average(raw.spike_times, raw.level, 20_000.0, window_us / 1e6)

    assert result.spike_count == count < raw.spikes_us.size
    np.testing.assert_allclose(result.average, total / count, rtol=1e-12)
    np.testing.assert_allclose(result.lags, np.arange(-window_us, 0, STEP_US) / 1e6, rtol=0, atol=1e-12)


def test_spike_triggered_average_finds_a_kernel_that_was_planted() -> None:
    stimulus = np.zeros(1000)
    spikes = np.array([100, 400, 1000])
    for spike in spikes:
        stimulus[spike - 3 : spike] = [1.0, 2.0, 4.0]
    result = analysis.spike_triggered_average(spikes / 1000, stimulus, 1000.0, 0.005)
    assert result.average.tolist() == [0.0, 0.0, 1.0, 2.0, 4.0]
    assert result.lags.tolist() == [-0.005, -0.004, -0.003, -0.002, -0.001]


def test_spikes_without_a_whole_window_are_refused() -> None:
    with pytest.raises(ValueError, match=r"No spike has 0\.02 s of stimulus before it"):
        analysis.spike_triggered_average(np.array([0.01]), np.zeros(100), 1000.0, 0.02)

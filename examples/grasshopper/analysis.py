"""Analyses of spike trains as pure functions of NumPy arrays. Times are in seconds from the stimulus' onset.

Spike times have the shape (n_spikes,), or (n_spikes, 1) if MATLAB stored them.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

_TICKS_PER_SECOND = 1_000_000
"""Times are compared as whole microseconds, so that a spike on an edge never falls on its wrong side."""


def sound_level(amplitude: npt.NDArray[np.float64], peak_level: float) -> npt.NDArray[np.float64]:
    """Convert the amplitude of an envelope to its level.

    Args:
        amplitude: On a linear scale, always above 0, shape (n_samples,).
        peak_level: The level of the largest amplitude, in dB SPL.

    Returns:
        dB SPL, shape (n_samples,).

    Source: nitime's example `grasshopper.py`, function `volt2dB`; its reference pressure cancels out.
    """
    return np.asarray(peak_level + 20.0 * np.log10(amplitude / amplitude.max()))


@dataclass(frozen=True)
class Segment:
    """A part of a spike train.

    Attributes:
        start: In s.
        spike_times: The spikes in [start, start + duration), in s, shape (n_spikes,).
    """

    start: float
    spike_times: npt.NDArray[np.float64]


def segments(spike_times: npt.NDArray[np.float64], duration: float, segment_duration: float) -> list[Segment]:
    """Cut a spike train into segments of equal length and drop the remainder at the end.

    Args:
        spike_times: In s, ascending, shape (n_spikes,).
        duration: The length of the recording, in s.
        segment_duration: In s, at least a microsecond.
    """
    ticks, width = _ticks(spike_times), _tick(segment_duration)
    count = _tick(duration) // width
    edges = np.searchsorted(ticks, np.arange(count + 1) * width)
    return [
        Segment(index * width / _TICKS_PER_SECOND, spike_times[first:last])
        for index, (first, last) in enumerate(pairwise(edges))
    ]


def firing_rate(
    spike_times: npt.NDArray[np.float64], start: float, duration: float, bin_width: float
) -> npt.NDArray[np.float64]:
    """Count spikes in bins, as a rate. A spike on an edge belongs to the bin that begins there.

    Args:
        spike_times: In [start, start + duration), in s, shape (n_spikes,).
        duration: In s, a multiple of `bin_width`.
        bin_width: In s, at least a microsecond.

    Returns:
        Hz, shape (duration / bin_width,).

    Raises:
        ValueError: `duration` is not a multiple of `bin_width`.
    """
    width = _tick(bin_width)
    bins, rest = divmod(_tick(duration), width)
    if rest:
        raise ValueError(f"Bins of {bin_width:g} s do not fill {duration:g} s evenly.")
    counts = np.bincount((_ticks(spike_times) - _tick(start)) // width, minlength=bins)
    return counts / bin_width


def fano_factor(rate: npt.NDArray[np.float64], bin_width: float) -> float:
    """Compute the variance of the counts in bins over their mean: 1 for a Poisson process, 0 for a clock.

    Args:
        rate: With at least one spike, in Hz, shape (n_bins,).
        bin_width: In s.
    """
    counts = rate * bin_width
    return float(counts.var() / counts.mean())


@dataclass(frozen=True)
class IntervalStatistics:
    """The distribution of the intervals between neighbouring spikes.

    Attributes:
        count: Number of intervals.
        mean: In s.
        std: Over all intervals (division by `count`), in s.
        cv: Coefficient of variation, std / mean.
        local_variation: Like `cv` squared, but only over neighbours, so that a slow drift of the rate does not count.
            It is 1 for a Poisson process. Source: S. Shinomoto, K. Shima and J. Tanji (2003), Differences in spiking
            patterns among cortical neurons, Neural Comput 15:2823-2842.
        short_fraction: Fraction of the intervals that are shorter than the limit, 0 to 1.
    """

    count: int
    mean: float
    std: float
    cv: float
    local_variation: float
    short_fraction: float


def interval_statistics(spike_times: npt.NDArray[np.float64], short_interval: float) -> IntervalStatistics:
    """Summarize the intervals between neighbouring spikes.

    Args:
        spike_times: In s, ascending, shape (n_spikes,).
        short_interval: In s; only shorter intervals are short.

    Raises:
        ValueError: There are fewer than 3 spikes, so that no two intervals are neighbours.
    """
    if spike_times.size < 3:
        raise ValueError(f"Interval statistics need 3 spikes, and there are {spike_times.size}.")
    ticks = np.diff(_ticks(spike_times))
    intervals = ticks / _TICKS_PER_SECOND
    before, after = intervals[:-1], intervals[1:]
    mean, std = float(intervals.mean()), float(intervals.std())
    return IntervalStatistics(
        count=intervals.size,
        mean=mean,
        std=std,
        cv=std / mean,
        local_variation=float(3.0 * np.mean(((before - after) / (before + after)) ** 2)),
        short_fraction=float(np.mean(ticks < _tick(short_interval))),
    )


@dataclass(frozen=True)
class SpikeTriggeredAverage:
    """The mean stimulus before a spike.

    Attributes:
        lags: Time of each sample relative to the spike, in s, ascending and negative, shape (n_lags,).
        average: In the unit of the stimulus, shape (n_lags,).
        spike_count: The number of spikes that were averaged.
    """

    lags: npt.NDArray[np.float64]
    average: npt.NDArray[np.float64]
    spike_count: int


def spike_triggered_average(
    spike_times: npt.NDArray[np.float64],
    stimulus: npt.NDArray[np.float64],
    sampling_rate: float,
    window: float,
) -> SpikeTriggeredAverage:
    """Average the stimulus over the samples just before each spike.

    Spikes that occur before a whole window has been recorded are left out.

    Args:
        spike_times: In s, shape (n_spikes,); a spike between two samples is assigned to the nearer one.
        stimulus: Sampled from time 0 on, shape (n_samples,).
        sampling_rate: In Hz.
        window: How far back to look, in s; n_lags is `window * sampling_rate`, rounded.

    Raises:
        ValueError: No spike has a whole window before it.
    """
    lag_count = round(window * sampling_rate)
    samples = np.rint(spike_times.ravel() * sampling_rate).astype(np.int64)
    samples = samples[(samples >= lag_count) & (samples <= stimulus.size)]
    if not samples.size:
        raise ValueError(f"No spike has {window:g} s of stimulus before it.")
    offsets = np.arange(-lag_count, 0)
    return SpikeTriggeredAverage(
        lags=offsets / sampling_rate,
        average=stimulus[samples[:, np.newaxis] + offsets].mean(axis=0),
        spike_count=samples.size,
    )


def _tick(time: float) -> int:
    return round(time * _TICKS_PER_SECOND)


def _ticks(times: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    return np.rint(times.ravel() * _TICKS_PER_SECOND).astype(np.int64)

"""A simple spike sorting: the large events of an electrode are one unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from examples.ephys.simulation import Events

_VIOLATIONS = 0.005
"""A unit with a larger fraction of intervals within the refractory period than this is several neurons."""


@dataclass(frozen=True)
class Parameters:
    """The contents of a set of parameters.

    Attributes:
        threshold: In µV; smaller events belong to no unit.
        fewest_events: The least number of events of a unit.
        refractory_period: In s; one neuron does not fire twice within it.
    """

    threshold: float
    fewest_events: int
    refractory_period: float


@dataclass(frozen=True)
class SortedUnit:
    """A putative neuron.

    Attributes:
        times: The spikes, in s from the start of the session, shape (n_spikes,).
        quality: "single" or "multi".
        mean_amplitude: In µV.
    """

    electrode: int
    times: npt.NDArray[np.float64]
    quality: str
    mean_amplitude: float


def sort(events: Events, parameters: Parameters) -> list[SortedUnit]:
    """Find the units, in the order of their electrodes."""
    large = events.amplitudes >= parameters.threshold
    units = []
    for electrode in np.unique(events.electrodes).tolist():
        own = large & (events.electrodes == electrode)
        times = events.times[own]
        if times.size < parameters.fewest_events:
            continue
        violations = np.mean(np.diff(times) < parameters.refractory_period)
        quality = "single" if violations <= _VIOLATIONS else "multi"
        units.append(SortedUnit(electrode, times, quality, float(events.amplitudes[own].mean())))
    return units

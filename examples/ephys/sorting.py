"""A simple spike sorting: what is large on one electrode is one unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from examples.ephys.simulation import Events

_VIOLATIONS = 0.005
"""A unit with more intervals within the refractory period than this part is several neurons."""


@dataclass(frozen=True)
class Parameters:
    """What a set of parameters holds.

    Attributes:
        threshold: In µV; smaller events belong to no unit.
        fewest_events: Of a unit.
        refractory_period: In s; one neuron does not fire twice within it.
    """

    threshold: float
    fewest_events: int
    refractory_period: float


@dataclass(frozen=True)
class SortedUnit:
    """A putative neuron.

    Attributes:
        times: Of its spikes, from the start of the session, in s, shape (n_spikes,).
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

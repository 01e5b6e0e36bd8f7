"""Simulates the rig: the same session always has the same trials and the same spikes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

SAMPLING_RATE = 30_000.0
"""In Hz."""
DIRECTIONS = tuple(45.0 * step for step in range(8))
"""In degrees, by the number of the stimulus."""
DURATION_S = 122.0

_SEED = 1791
_REPETITIONS = 5
_STIMULUS_S = 2.0
_PAUSE_S = 1.0
_REFRACTORY_S = 0.002
_NOISE_HZ = 2.0
_NOISE_UV = (40.0, 75.0)


@dataclass(frozen=True)
class Trial:
    """A stimulus and the response to it.

    Attributes:
        stimulus: Index into `DIRECTIONS`.
        start: From the start of the session, in s.
        stop: In s.
        response: "left" or "right", None if the animal did not respond.
    """

    stimulus: int
    start: float
    stop: float
    response: str | None


@dataclass(frozen=True)
class Events:
    """The events that crossed the threshold of the electrodes; all arrays are of shape (n_events,).

    Attributes:
        times: In s from the start of the session, ascending.
        electrodes: Counted from the tip, from 0; uint16.
        amplitudes: In µV, float32.
    """

    times: Floats
    electrodes: npt.NDArray[np.uint16]
    amplitudes: npt.NDArray[np.float32]


def trials(session: Mapping[str, Any]) -> list[Trial]:
    """Draw the trials of a session: each direction equally often, in random order."""
    rng = _generator(session["animal_id"], session["session"])
    stimuli = rng.permutation(np.repeat(np.arange(len(DIRECTIONS)), _REPETITIONS)).tolist()
    found = []
    for number, stimulus in enumerate(stimuli):
        start = _PAUSE_S + number * (_STIMULUS_S + _PAUSE_S)
        correct = "left" if DIRECTIONS[stimulus] < 180 else "right"
        other = "right" if correct == "left" else "left"
        response = rng.choice(np.array([correct, other, ""]), p=[0.75, 0.15, 0.1])
        found.append(Trial(stimulus, start, start + _STIMULUS_S, str(response) or None))
    return found


def record(insertion: Mapping[str, Any], electrode_count: int) -> Events:
    """Draw the events of an insertion: neurons that prefer a direction at every other electrode, noise at all.

    Some electrodes record two neurons.
    """
    shown = trials(insertion)
    rng = _generator(insertion["animal_id"], insertion["session"], insertion["insertion"])
    pieces: list[tuple[Floats, int, Floats]] = []
    for electrode in range(electrode_count):
        noise = rng.uniform(0, DURATION_S, rng.poisson(_NOISE_HZ * DURATION_S))
        pieces.append((noise, electrode, rng.uniform(*_NOISE_UV, noise.size)))
        neuron_count = rng.choice(3, p=[0.5, 0.35, 0.15])
        for _ in range(neuron_count):
            spikes = _spikes(shown, rng)
            size = rng.uniform(90, 250)
            pieces.append((spikes, electrode, rng.normal(size, 0.08 * size, spikes.size)))
    times = np.round(np.concatenate([piece for piece, _, _ in pieces]) * SAMPLING_RATE) / SAMPLING_RATE
    electrodes = np.repeat([electrode for _, electrode, _ in pieces], [piece.size for piece, _, _ in pieces])
    amplitudes = np.concatenate([sizes for _, _, sizes in pieces])
    order = np.argsort(times, kind="stable")
    return Events(times[order], electrodes[order].astype(np.uint16), amplitudes[order].astype(np.float32))


def _spikes(shown: list[Trial], rng: np.random.Generator) -> Floats:
    """Draw the spikes of a neuron: a Poisson process with a refractory period, faster at the preferred direction."""
    preferred = rng.choice(DIRECTIONS)
    baseline, gain, sharpness = rng.uniform(0.5, 4), rng.uniform(5, 30), rng.uniform(0.5, 4)
    drawn = [rng.uniform(0, DURATION_S, rng.poisson(baseline * DURATION_S))]
    for trial in shown:
        distance = np.deg2rad(DIRECTIONS[trial.stimulus] - preferred)
        rate = gain * np.exp(sharpness * (np.cos(distance) - 1))
        drawn.append(rng.uniform(trial.start, trial.stop, rng.poisson(rate * _STIMULUS_S)))
    times = np.sort(np.concatenate(drawn))
    return times[np.diff(times, prepend=-1.0) > _REFRACTORY_S]


def _generator(*numbers: int) -> np.random.Generator:
    return np.random.default_rng([_SEED, *map(int, numbers)])

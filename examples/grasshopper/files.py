"""The recordings in the package nitime: finding and reading them.

Source: A. Rokem, S. Watzl, T. Gollisch, M. Stemmler, A. V. M. Herz and I. Samengo (2006), Spike-timing precision
underlies the coding efficiency of auditory receptor neurons, J Neurophysiol 95:2541-2552. The whole set is `ia-1` of
CRCNS (https://crcns.org/data-sets/ia/ia-1). The units are taken from nitime's own example `grasshopper.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

_MICROSECONDS = 1e6
"""Per second; a division by it yields the float nearest to the decimal number."""


@dataclass(frozen=True)
class SpikeFile:
    """The contents of a file of spike times.

    Attributes:
        cutoff_frequency: The upper limit of the envelope's spectrum, in Hz.
        carrier_frequency: The frequency of the tone that the envelope modulates, in Hz.
        intensity: The intensity of the stimulus, in dB SPL.
        spike_times: From the onset of the stimulus, in s, ascending, shape (n_spikes,).
    """

    cutoff_frequency: float
    carrier_frequency: float
    intensity: float
    spike_times: npt.NDArray[np.float64]


@dataclass(frozen=True)
class StimulusFile:
    """The contents of a file with a stimulus.

    Attributes:
        sampling_rate: In Hz.
        amplitude: The amplitude of the envelope, on a linear scale whose largest value is 1, shape (n_samples,).
    """

    sampling_rate: float
    amplitude: npt.NDArray[np.float64]


def data_folder() -> Path:
    """Find the data folder of the installed nitime, without importing its code.

    Raises:
        FileNotFoundError: nitime is not installed.
    """
    nitime = find_spec("nitime")
    if nitime is None or not nitime.submodule_search_locations:
        raise FileNotFoundError("The recordings come with the package nitime. Install it: pip install nitime")
    return Path(nitime.submodule_search_locations[0], "data")


def read_spike_times(path: Path) -> SpikeFile:
    """Read spike times: lines `# name (unit): value`, then a time in microseconds on each line.

    Raises:
        ValueError: The header lacks a value, or a line is not a number.
    """
    lines = [line.strip() for line in path.read_text(encoding="ascii").splitlines()]
    header = dict(line.lstrip("# ").split(": ", 1) for line in lines if line.startswith("#"))
    times = np.array([int(line) for line in lines if line and not line.startswith("#")], dtype=np.int64)
    try:
        return SpikeFile(
            cutoff_frequency=float(header["cut-off frequency (Hz)"]),
            carrier_frequency=float(header["carrier freq (kHz)"]) * 1000,
            intensity=float(header["intensity (dB)"]),
            spike_times=times / _MICROSECONDS,
        )
    except KeyError as missing:
        raise ValueError(f"{path}: the header has no line for {missing}.") from None


def read_stimulus(path: Path) -> StimulusFile:
    """Read a stimulus: a time in microseconds and an amplitude on each line, at equal steps.

    Raises:
        ValueError: The steps are not equal.
    """
    table = np.loadtxt(path, dtype=np.float64)
    steps = np.unique(np.diff(table[:, 0]))
    if steps.size != 1:
        raise ValueError(f"{path}: samples are {steps.min():g} to {steps.max():g} µs apart; equal steps are needed.")
    return StimulusFile(sampling_rate=float(_MICROSECONDS / steps[0]), amplitude=table[:, 1].copy())

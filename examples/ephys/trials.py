"""Schema `ephys_trials`: what the animal saw and did, and the activity of the units."""

from __future__ import annotations

from typing import Any

import numpy as np

import levada as dj
from examples.ephys import probes, sessions, simulation  # noqa: F401  # the definitions name sessions

schema = dj.schema("ephys_trials")


@schema
class Stimulus(dj.Lookup):
    """The stimuli."""

    definition = """
    # A grating on the screen
    stimulus : tinyint unsigned
    ---
    direction : float  # in degrees
    """
    contents = tuple(enumerate(simulation.DIRECTIONS))


@schema
class Behavior(dj.Imported):
    """The log of a session."""

    definition = """
    # The behaviour of an animal in a session
    -> sessions.Session
    ---
    trial_count : smallint unsigned
    """

    class Trial(dj.Part):
        """One stimulus and the animal's response."""

        definition = """
        # A stimulus and the response to it
        -> master
        trial : smallint unsigned  # from 0
        ---
        -> Stimulus
        trial_start : double  # from the start of the session, in s
        trial_stop : double  # in s
        response = null : enum('left', 'right')  # missing where the animal did not respond
        """

    def make(self, key: dict[str, Any]) -> None:
        """Read the log; here it is simulated."""
        trials = simulation.trials(key)
        self.insert1({**key, "trial_count": len(trials)})
        self.Trial.insert(
            {
                **key,
                "trial": number,
                "stimulus": trial.stimulus,
                "trial_start": trial.start,
                "trial_stop": trial.stop,
                "response": trial.response,
            }
            for number, trial in enumerate(trials)
        )


@schema
class UnitActivity(dj.Computed):
    """The responses of a unit."""

    definition = """
    # The activity of a unit over the trials of its session
    -> probes.Clustering.Unit
    -> Behavior
    ---
    mean_rate : double  # during trials, in Hz
    tuning = null : longblob  # mean rate for each direction, in Hz, float64 (n_stimuli,)
    (best_stimulus) -> [nullable] Stimulus(stimulus)
    selectivity = null : double  # 1 - circular variance of the tuning, 0 to 1
    """

    class PerTrial(dj.Part):
        """The activity of a unit in one trial."""

        definition = """
        # The activity of a unit in a trial
        -> master
        -> Behavior.Trial
        ---
        spike_count : int unsigned
        rate : double  # in Hz
        first_spike = null : double  # from the start of the trial, in s; missing where there is none
        """

    def make(self, key: dict[str, Any]) -> None:
        """Count the spikes of each trial."""
        spikes = (probes.Clustering.Unit & key).fetch1("spike_times")
        numbers, stimuli, starts, stops = (Behavior.Trial & key).fetch(
            "trial", "stimulus", "trial_start", "trial_stop", order_by="trial"
        )
        first = np.searchsorted(spikes, starts)
        counts = np.searchsorted(spikes, stops) - first
        rates = counts / (stops - starts)
        tuning = np.array([rates[stimuli == stimulus].mean() for stimulus in range(len(simulation.DIRECTIONS))])
        silent = not tuning.any()
        phases = np.exp(1j * np.deg2rad(simulation.DIRECTIONS))
        self.insert1(
            {
                **key,
                "mean_rate": rates.mean(),
                "tuning": None if silent else tuning,
                "best_stimulus": None if silent else int(tuning.argmax()),
                "selectivity": None if silent else abs((tuning * phases).sum()) / tuning.sum(),
            }
        )
        self.PerTrial.insert(
            {
                **key,
                "trial": number,
                "spike_count": count,
                "rate": rate,
                "first_spike": spikes[index] - start if count else None,
            }
            for number, start, index, count, rate in zip(numbers, starts, first, counts, rates, strict=True)
        )

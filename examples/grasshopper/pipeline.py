"""The schema: from the files of a presentation to the statistics of each segment of its spike train.

Importing this module connects (see `levada.connect`) and declares the tables. Workers compute all of them:
`levada worker examples.grasshopper.pipeline`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import levada as lv
from examples.grasshopper import analysis, files

schema = lv.schema("grasshopper")


@schema
class Subject(lv.Manual):
    """Animals, one neuron each."""

    definition = """
    # An animal from which one receptor neuron was recorded
    subject_id : int16
    ---
    species : varchar(64)
    source  : varchar(255)  # where the recording was published
    """


@schema
class Presentation(lv.Manual):
    """The stimuli that a subject heard, and their files."""

    definition = """
    # A stimulus that was played to a subject
    -> Subject
    presentation : int16
    ---
    spike_times_file : varchar(255)  # name of a file among nitime's data
    stimulus_file    : varchar(255)  # name of a file among nitime's data
    """


@schema
class Recording(lv.Imported):
    """The stimulus of a presentation and the response to it."""

    definition = """
    # The contents of the files of a presentation
    -> Presentation
    ---
    cutoff_frequency  : float64  # where the spectrum of the envelope ends, in Hz
    carrier_frequency : float64  # of the tone that the envelope modulates, in Hz
    sampling_rate     : float64  # of the stimulus, in Hz
    duration          : float64  # in s
    spike_count       : int32
    spike_times       : <blob>   # from the stimulus' onset, in s, float64 (spike_count,)
    stimulus          : <blob>   # level of the envelope, in dB SPL, float64 (duration * sampling_rate,)
    """

    def make(self, key: dict[str, Any]) -> None:
        """Read the files."""
        spike_times_file, stimulus_file = (Presentation & key).fetch1("spike_times_file", "stimulus_file")
        spikes = files.read_spike_times(files.data_folder() / spike_times_file)
        stimulus = files.read_stimulus(files.data_folder() / stimulus_file)
        self.insert1(
            {
                **key,
                "cutoff_frequency": spikes.cutoff_frequency,
                "carrier_frequency": spikes.carrier_frequency,
                "sampling_rate": stimulus.sampling_rate,
                "duration": stimulus.amplitude.size / stimulus.sampling_rate,
                "spike_count": spikes.spike_times.size,
                "spike_times": spikes.spike_times,
                "stimulus": analysis.sound_level(stimulus.amplitude, peak_level=spikes.intensity),
            }
        )


@schema
class Segmentation(lv.Lookup):
    """Ways to cut a recording."""

    definition = """
    # How a recording is cut into segments
    segmentation : varchar(16)
    ---
    segment_duration : float64  # in s
    """
    contents = (("whole seconds", 1.0), ("half seconds", 0.5))


@schema
class SpikeTrain(lv.Computed):
    """A recording's spikes, cut in one way."""

    definition = """
    # The spikes of a recording, cut into segments
    -> Recording
    -> Segmentation
    ---
    segment_count : int16
    """

    class Segment(lv.Part):
        """One segment."""

        definition = """
        # One segment of a spike train
        -> master
        segment : int16  # from 0
        ---
        start       : float64  # from the stimulus' onset, in s
        spike_times : <blob>   # from the stimulus' onset, in s, float64 (n_spikes,)
        """

    def make(self, key: dict[str, Any]) -> None:
        """Cut the spike train."""
        spike_times, duration = (Recording & key).fetch1("spike_times", "duration")
        segments = analysis.segments(spike_times, duration, (Segmentation & key).fetch1("segment_duration"))
        self.insert1({**key, "segment_count": len(segments)})
        self.Segment.insert(
            {**key, "segment": index, "start": segment.start, "spike_times": segment.spike_times}
            for index, segment in enumerate(segments)
        )


@schema
class AnalysisParameters(lv.Lookup):
    """Each set of parameters yields its own results."""

    definition = """
    # Parameters of the analyses of a segment
    parameter_set : varchar(16)
    ---
    bin_width      : float64  # of the firing rate, in s
    short_interval : float64  # intervals between spikes below this one count as short, in s
    window         : float64  # how far before a spike the stimulus is averaged, in s
    """
    contents = (("fine", 0.005, 0.005, 0.01), ("medium", 0.01, 0.008, 0.02), ("coarse", 0.05, 0.012, 0.04))


@schema
class FiringRate(lv.Computed):
    """How often the neuron fires, and how evenly."""

    definition = """
    # Firing rate in the bins of a segment
    -> SpikeTrain.Segment
    -> AnalysisParameters
    ---
    mean_rate   : float64  # in Hz
    peak_rate   : float64  # in the fullest bin, in Hz
    fano_factor : float64  # variance of the counts in the bins over their mean
    rate        : <blob>   # in Hz, float64 (n_bins,)
    """

    def make(self, key: dict[str, Any]) -> None:
        """Count the spikes in each bin."""
        inputs = SpikeTrain.Segment * Segmentation * AnalysisParameters & key
        start, duration, spike_times, bin_width = inputs.fetch1("start", "segment_duration", "spike_times", "bin_width")
        rate = analysis.firing_rate(spike_times, start, duration, bin_width)
        self.insert1(
            {
                **key,
                "mean_rate": rate.mean(),
                "peak_rate": rate.max(),
                "fano_factor": analysis.fano_factor(rate, bin_width),
                "rate": rate,
            }
        )


@schema
class IntervalStatistics(lv.Computed):
    """How regularly the neuron fires."""

    definition = """
    # Statistics of the intervals between the spikes of a segment
    -> SpikeTrain.Segment
    -> AnalysisParameters
    ---
    interval_count  : int32
    mean_interval   : float64  # in s
    std_interval    : float64  # in s
    cv              : float64  # std / mean
    local_variation : float64  # of neighbouring intervals: 1 for a Poisson process
    short_fraction  : float64  # part of the intervals below short_interval, 0 to 1
    """

    def make(self, key: dict[str, Any]) -> None:
        """Summarize the intervals."""
        inputs = SpikeTrain.Segment * AnalysisParameters & key
        spike_times, short_interval = inputs.fetch1("spike_times", "short_interval")
        statistics = analysis.interval_statistics(spike_times, short_interval)
        self.insert1(
            {
                **key,
                "interval_count": statistics.count,
                "mean_interval": statistics.mean,
                "std_interval": statistics.std,
                "cv": statistics.cv,
                "local_variation": statistics.local_variation,
                "short_fraction": statistics.short_fraction,
            }
        )


@schema
class SpikeTriggeredAverage(lv.Computed):
    """The mean stimulus before a spike."""

    definition = """
    # Mean stimulus before the spikes of a recording
    -> SpikeTrain
    -> AnalysisParameters
    ---
    spike_count : int32    # spikes with a whole window of stimulus before them
    peak_level  : float64  # highest value of the average, in dB SPL
    peak_lag    : float64  # where it is, relative to the spike, in s
    lags        : <blob>   # relative to the spike, in s, float64 (n_lags,)
    average     : <blob>   # in dB SPL, float64 (n_lags,)
    """

    class Segment(lv.Part):
        """The average of one segment."""

        definition = """
        # Mean stimulus before the spikes of a segment
        -> master
        -> SpikeTrain.Segment
        ---
        spike_count : int32   # spikes with a whole window of stimulus before them
        average     : <blob>  # in dB SPL, float64 (n_lags,)
        """

    def make(self, key: dict[str, Any]) -> None:
        """Average the stimulus before each spike, over all segments and for each."""
        inputs = Recording * AnalysisParameters & key
        stimulus, sampling_rate, window = inputs.fetch1("stimulus", "sampling_rate", "window")
        segments = (SpikeTrain.Segment & key).to_dicts("segment", "spike_times", order_by="segment")

        spike_times = np.concatenate([segment["spike_times"] for segment in segments])
        whole = analysis.spike_triggered_average(spike_times, stimulus, sampling_rate, window)
        peak = int(whole.average.argmax())
        self.insert1(
            {
                **key,
                "spike_count": whole.spike_count,
                "peak_level": whole.average[peak],
                "peak_lag": whole.lags[peak],
                "lags": whole.lags,
                "average": whole.average,
            }
        )
        parts = [
            analysis.spike_triggered_average(segment["spike_times"], stimulus, sampling_rate, window)
            for segment in segments
        ]
        self.Segment.insert(
            {**key, "segment": segment["segment"], "spike_count": part.spike_count, "average": part.average}
            for segment, part in zip(segments, parts, strict=True)
        )


COMPUTED = (Recording, SpikeTrain, FiringRate, IntervalStatistics, SpikeTriggeredAverage)
"""All tables with a `make`, in an order in which they can be filled."""


def fill() -> None:
    """Enter the manual data: the subject, and the files of the stimuli that it heard. Existing rows stay."""
    subject = {
        "subject_id": 1,
        "species": "Locusta migratoria",
        "source": "Rokem et al. (2006), J Neurophysiol 95:2541-2552; CRCNS ia-1",
    }
    Subject.insert1(subject, skip_duplicates=True)
    Presentation.insert(
        [
            {
                "subject_id": 1,
                "presentation": number,
                "spike_times_file": f"grasshopper_spike_times{number}.txt",
                "stimulus_file": f"grasshopper_stimulus{number}.txt",
            }
            for number in (1, 2)
        ],
        skip_duplicates=True,
    )

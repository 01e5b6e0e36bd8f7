"""Schema `ephys_probes`: probes, their recordings, and the units in them."""

from __future__ import annotations

from typing import Any

import levada as dj
from examples.ephys import sessions, simulation, sorting  # noqa: F401  # the definitions name sessions

schema = dj.schema("ephys_probes")


@schema
class ProbeType(dj.Lookup):
    """The probes that are on sale."""

    definition = """
    # A model of probe
    probe_type : varchar(16)
    ---
    shank_length : float  # in mm
    """
    contents = (("linear-8", 3.0), ("linear-16", 6.0))

    class Electrode(dj.Part):
        """One of its contacts."""

        definition = """
        # A contact of a probe
        -> master
        electrode : smallint unsigned  # from the tip, from 0
        ---
        height : float  # above the tip, in um
        """


@schema
class Probe(dj.Manual):
    """The probes in the drawer."""

    definition = """
    # A probe
    probe : varchar(16)  # serial number
    ---
    -> ProbeType
    """


@schema
class Insertion(dj.Manual):
    """The positions of probes in the brain."""

    definition = """
    # A probe in the brain during a session
    -> sessions.Session
    insertion : tinyint unsigned
    ---
    -> Probe
    area : varchar(8)
    depth : int  # of the tip below the surface, in um
    unique index (animal_id, session, probe)
    """


@schema
class Recording(dj.Imported):
    """The recording of a probe: the events that crossed a threshold."""

    definition = """
    # The events on the electrodes of an insertion
    -> Insertion
    ---
    sampling_rate : double  # in Hz
    duration : double  # in s
    event_count : int unsigned
    event_times : longblob  # from the start of the session, in s, float64 (event_count,)
    event_electrodes : longblob  # uint16 (event_count,)
    event_amplitudes : longblob  # in uV, float32 (event_count,)
    imported = CURRENT_TIMESTAMP : timestamp
    """

    def make(self, key: dict[str, Any]) -> None:
        """Read the events; here they are simulated."""
        probe_type = (Insertion * Probe & key).fetch1("probe_type")
        events = simulation.record(key, electrode_count=len(ProbeType.Electrode & {"probe_type": probe_type}))
        self.insert1(
            {
                **key,
                "sampling_rate": simulation.SAMPLING_RATE,
                "duration": simulation.DURATION_S,
                "event_count": events.times.size,
                "event_times": events.times,
                "event_electrodes": events.electrodes,
                "event_amplitudes": events.amplitudes,
            }
        )


@schema
class SortingMethod(dj.Lookup):
    """Methods of telling units apart."""

    definition = """
    # A method of spike sorting
    method : varchar(16)
    ---
    method_description : varchar(255)
    """
    contents = (("threshold", "the large events of an electrode are those of one unit"),)


@schema
class ParameterSet(dj.Lookup):
    """Each set yields its own units."""

    definition = """
    # Parameters of a method
    parameter_set : tinyint unsigned
    ---
    -> SortingMethod
    parameters : longblob  # a dictionary, see sorting.Parameters
    """
    contents = (
        (1, "threshold", {"threshold": 80.0, "fewest_events": 40, "refractory_period": 0.002}),
        (2, "threshold", {"threshold": 130.0, "fewest_events": 40, "refractory_period": 0.002}),
    )


@schema
class Clustering(dj.Computed):
    """A recording sorted into units."""

    definition = """
    # The units of a recording, found with a set of parameters
    -> Recording
    -> ParameterSet
    ---
    unit_count : smallint unsigned
    noise_fraction : float  # part of the events that belong to no unit, 0 to 1
    """

    class Unit(dj.Part):
        """One putative neuron."""

        definition = """
        # A unit
        -> master
        unit : smallint unsigned  # from 0
        ---
        -> ProbeType.Electrode
        quality : enum('single', 'multi')
        mean_amplitude : float  # in uV
        spike_count : int unsigned
        spike_times : longblob  # from the start of the session, in s, float64 (spike_count,)
        """

    def make(self, key: dict[str, Any]) -> None:
        """Sort the events."""
        events = simulation.Events(*(Recording & key).fetch1("event_times", "event_electrodes", "event_amplitudes"))
        parameters = sorting.Parameters(**(ParameterSet & key).fetch1("parameters"))
        units = sorting.sort(events, parameters)
        probe_type = (Insertion * Probe & key).fetch1("probe_type")
        sorted_count = sum(unit.times.size for unit in units)
        self.insert1({**key, "unit_count": len(units), "noise_fraction": 1 - sorted_count / max(events.times.size, 1)})
        self.Unit.insert(
            {
                **key,
                "unit": number,
                "probe_type": probe_type,
                "electrode": unit.electrode,
                "quality": unit.quality,
                "mean_amplitude": unit.mean_amplitude,
                "spike_count": unit.times.size,
                "spike_times": unit.times,
            }
            for number, unit in enumerate(units)
        )

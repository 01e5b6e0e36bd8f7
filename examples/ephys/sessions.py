"""Schema `ephys_sessions`: who records from which animal, and when."""

from __future__ import annotations

import levada as dj
from examples.ephys import animals  # noqa: F401  # the definitions name it

schema = dj.schema("ephys_sessions")


@schema
class Experimenter(dj.Lookup):
    """The people of the laboratory."""

    definition = """
    # A person
    username : varchar(16)
    ---
    full_name : varchar(64)
    """
    contents = (("ada", "Ada Brandt"), ("bela", "Bela Horvath"), ("chen", "Chen Wei"))


@schema
class Rig(dj.Lookup):
    """The places where recordings are made."""

    definition = """
    # A setup
    rig : varchar(8)
    ---
    room : varchar(16)
    sound_proof : tinyint  # 0 or 1
    """
    contents = (("rig-1", "B1.04", 1), ("rig-2", "B1.07", 0))


@schema
class Session(dj.Manual):
    """One visit of an animal to a rig."""

    definition = """
    # A recording session
    -> animals.Animal
    session : tinyint unsigned
    ---
    (recorded_by) -> Experimenter(username)
    (assisted_by) -> [nullable] Experimenter(username)
    ->[nullable] Rig
    session_start : datetime
    session_notes = null : varchar(1000)
    """

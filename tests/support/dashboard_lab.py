"""A small lab for tests of the dashboard: values of many types, jobs that succeed, one that fails, hostile texts.

The tables and rows are made once in a process, in a database that each test clones.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np

import levada as lv
from levada_api.v1 import access_service_pb2 as access
from levada_api.v1.access_pb2 import Grant, Role

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = "<img src=x onerror=\"document.title='run'\"><script>document.title='run'</script>"
"""A text that a page which takes it for markup runs."""
SUBJECTS = 120
DAY = dt.date(2026, 7, 1)
"""The date of all sessions."""
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d494844520000000200000002080000000057dd52f80000000c49444154789c6360f80f8400060001ff93"
    "d1e4890000000049454e44ae426082"
)
"""A picture of 2 by 2 pixels."""


MENDED = "mended"
"""The file in a worker's folder that lets the job succeed which fails without it."""
MODULE = "dashboard_pipeline"
PIPELINE = f"""
from pathlib import Path

import levada as lv
from tests.support.dashboard_lab import declare

globals().update(declare(lv.conn(), Path(__file__).with_name("{MENDED}")))
"""


def declare(
    connection: lv.Connection, mended: Path | None = None, text: str = HOSTILE
) -> dict[str, Any]:  # Any: the classes of the tables
    """Declare the lab's tables; return their classes by name.

    Args:
        connection: The connection for which they are declared.
        mended: A file; from when on it exists, `make` succeeds for all keys.
        text: The words of people in comments, errors and output.
    """
    schema = lv.Schema("lab", connection=connection)

    @schema
    class Species(lv.Lookup):
        definition = """
        # Kinds of animals
        species : varchar(30)
        """
        contents = (("mouse",), ("rat",))

    @schema
    class Subject(lv.Manual):
        definition = f"""
        # An animal {text}
        subject_id : int32
        ---
        -> Species
        sex : enum('F', 'M', 'U')
        born : date              # {text}
        weight = null : decimal(6, 2)
        notes = "" : varchar(300)
        """

    @schema
    class Session(lv.Manual):
        definition = """
        # A recording
        -> Subject
        session_date : date
        ---
        started : datetime
        begun_at = null : timestamptz
        length = null : duration
        rig = null : uuid
        settings = null : json
        good = null : bool
        large = null : int64
        photo = null : <attach>
        protocol = null : <attach@>
        """

        class Trial(lv.Part):
            definition = """
            -> Session
            trial : int16
            """

    @schema
    class Trace(lv.Computed):
        definition = """
        # The trace of a recording
        -> Session
        ---
        rate : float64
        trace : <blob>
        template : <array float32 (8)>
        image : <blob>
        """

        def make(self, key: dict[str, Any]) -> None:
            print("reading", key["subject_id"], text)  # noqa: T201  # the page shows it
            if key["subject_id"] == 2 and not (mended and mended.exists()):
                raise ValueError(text)
            y, x = np.mgrid[:20, :30]
            row = {"rate": 0.5, "trace": np.sin(np.arange(5000) / 50), "template": np.arange(8, dtype=np.float32)}
            self.insert1({**key, **row, "image": (x * y % 256).astype(np.uint8)})

    @schema
    class Quality(lv.Computed):
        definition = """
        -> Trace
        ---
        snr : float64
        """

        def make(self, key: dict[str, Any]) -> None:
            self.insert1({**key, "snr": 2.0})

    found = (Species, Subject, Session, Trace, Quality)
    return {table.__name__: table for table in found}


def fill(tables: dict[str, Any], folder: Path, text: str = HOSTILE) -> None:
    """Insert the rows that people insert.

    Args:
        tables: The classes of the tables.
        folder: For the files that rows hold.
        text: The words of people in notes, documents and names of files.
    """
    tables["Subject"].insert(
        {
            "subject_id": number,
            "species": "mouse" if number % 2 else "rat",
            "sex": "FMU"[number % 3],
            "born": dt.date(2025, 1, 1) + dt.timedelta(number),
            "weight": Decimal(number) / 4 if number % 7 else None,
            "notes": text if number == 2 else "",
        }
        for number in range(1, SUBJECTS + 1)
    )
    photo = folder / f"{text.replace('/', '')}photo.png"
    photo.write_bytes(PNG)
    moment = dt.datetime.combine(DAY, dt.time(9, 30, 0, 125_000))
    tables["Session"].insert(
        {
            "subject_id": number,
            "session_date": moment.date(),
            "started": moment,
            "begun_at": moment.replace(tzinfo=dt.UTC),
            "length": dt.timedelta(minutes=42, seconds=7),
            "rig": UUID(int=number),
            "settings": {"gain": 2, "title": text},
            "good": True,
            "large": 2**62 + 1,
            "photo": photo,
            "protocol": photo,
        }
        for number in (1, 2, 3)
    )
    tables["Session"].Trial.insert((number, moment.date(), trial) for number in (1, 2, 3) for trial in range(4))


def compute(tables: dict[str, Any]) -> None:
    """Compute what can be computed: two recordings; one fails."""
    tables["Trace"].populate(suppress_errors=True)
    tables["Quality"].populate()


def add_user(connection: lv.Connection, user: str, *tables: str, role: Role = Role.ROLE_VIEWER) -> str:
    """Add a user with a role on some tables of the lab, or on all if none is named; return a token of that user."""
    connection.call("AccessService/CreateUser", access.CreateUserRequest(name=user), access.CreateUserResponse)
    for table in tables or ("",):
        grant = Grant(grantee=user, role=role, schema="lab", table=table)
        connection.call("AccessService/GrantRole", access.GrantRoleRequest(grant=grant), access.GrantRoleResponse)
    request = access.CreateTokenRequest(user=user)
    return connection.call("AccessService/CreateToken", request, access.CreateTokenResponse).secret

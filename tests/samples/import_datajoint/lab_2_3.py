"""A laboratory in DataJoint 2.3 with everything that an import meets; run by `make_dumps.py` alone.

It is made on PostgreSQL, or on MariaDB, where DataJoint lacks some of it. The first argument is the folder for the
stores.
"""

from __future__ import annotations

import datetime as dt
import os
import sys
from decimal import Decimal
from pathlib import Path

import datajoint as dj
import numpy as np

STORES = Path(sys.argv[1]).resolve()
ON_MARIADB = os.environ["DJ_BACKEND"] == "mysql"
for name in ("ext", "raw"):
    (STORES / name).mkdir(parents=True)
    dj.config.stores[name] = {"protocol": "file", "location": str(STORES / name)}
dj.config.stores["default"] = "ext"
dj.config["safemode"] = False
dj.config.jobs.add_job_metadata = True

animal = dj.Schema("animal")
lab = dj.Schema("lab2")


class GraphCodec(dj.Codec):
    name = "graph"

    def get_dtype(self, is_store):
        return "<blob@>" if is_store else "<blob>"

    def encode(self, value, *, key=None, store_name=None):
        return sorted(value)

    def decode(self, stored, *, key=None):
        return set(map(tuple, stored))


@animal
class Species(dj.Lookup):
    definition = """
    # kinds of animals
    species : varchar(20)
    """
    contents = [("mouse",), ("rat",)]


@animal
class Animal(dj.Manual):
    definition = """
    animal_id : int64
    ---
    -> Species
    sex = 'U' : enum('M', 'F', 'U')
    nick = "" : varchar(30)
    legs = 0 : int16
    weight = null : float32
    price = 1.50 : decimal(8,2)
    alive = TRUE : bool
    born = null : date
    seen = CURRENT_TIMESTAMP : datetime
    notes = null : json
    photo = null : bytes
    token = null : uuid
    """.replace("TRUE", "1" if ON_MARIADB else "true")


@lab
class Setting(dj.Lookup):
    definition = """
    # one row at most
    ---
    gain : float64
    """


@lab
class Session(dj.Manual):
    definition = """
    -> Animal
    session : int16
    ---
    -> [nullable] Species.proj(other_species='species')
    started : datetime(3)
    unique index (started)
    """

    class Trial(dj.Part):
        definition = """
        -> master
        trial : int32
        ---
        outcome : enum('hit', 'miss')
        """


@lab
class Values(dj.Manual):
    definition = """
    value_id : int32
    ---
    inline = null : <blob>
    file = null : <attach>
    tree = null : <graph>
    """


@lab
class Stored(dj.Manual):
    definition = """
    stored_id : int32
    ---
    big : <blob@ext>
    doc : <attach@ext>
    raw : <hash@ext>
    trace : <npy@ext>
    thing : <object@ext>
    movie : <filepath@raw>
    """


@lab
class Rate(dj.Computed):
    definition = """
    -> Session
    ---
    rate : float64
    """

    def make(self, key):
        if key["session"] == 2:
            raise ValueError("no spikes")
        self.insert1({**key, "rate": 2.5})


def insert_each(table, rows):
    """Insert rows that differ in their fields."""
    for row in rows:
        table.insert1(row)


insert_each(
    Animal,
    [
        {"animal_id": 2**40, "species": "mouse", "weight": 0.1, "born": dt.date(2020, 2, 29),
         "notes": {"a": [1, None]}, "photo": b"\x00\xff", "sex": "F", "seen": dt.datetime(2021, 1, 1)},
        {"animal_id": 2, "species": "rat", "nick": "Ünï'\"\\", "weight": float("nan"),
         "price": Decimal("-3.25"), "seen": dt.datetime(2021, 1, 2, 3, 4, 5)},
    ]
)  # fmt: skip
Setting.insert1({"gain": 1.5})
insert_each(
    Session,
    [
        {"animal_id": 2, "session": 1, "started": dt.datetime(2022, 1, 1, 0, 0, 0, 5000)},
        {"animal_id": 2, "session": 2, "started": dt.datetime(2022, 1, 2), "other_species": "rat"},
    ],
)
Session.Trial.insert([(2, 1, 1, "hit"), (2, 1, 2, "miss")])
attachment = STORES / "note.txt"
attachment.write_bytes(b"inline \x00 bytes")
Values.insert1({"value_id": 1, "inline": {"x": np.arange(5), "t": ("a", None)}, "file": attachment, "tree": {(1, 2)}})
Values.insert1({"value_id": 2})
movie = STORES / "raw" / "2020" / "movie.avi"
movie.parent.mkdir(parents=True)
movie.write_bytes(b"frames")
thing = STORES / "thing"
(thing / "part").mkdir(parents=True)
(thing / "part" / "0.bin").write_bytes(b"chunk")
if not ON_MARIADB:  # DataJoint 2.3.5 does not recognize its columns of JSON
    Stored.insert1(
        {"stored_id": 1, "big": np.arange(1000), "doc": attachment, "raw": b"hashed bytes",
         "trace": np.arange(6.0).reshape(2, 3), "thing": str(thing), "movie": "2020/movie.avi"}
    )  # fmt: skip
Rate.jobs.refresh()
Rate.populate(reserve_jobs=True, suppress_errors=True)

# The stack has paths of whoever makes the dump.
STACK = dj.blob.pack("Traceback: no spikes").hex()
ON_MARIADB_ALONE = (f"UPDATE lab2.`~~rate` SET error_stack = x'{STACK}'",)
ON_POSTGRESQL_ALONE = (
    # DataJoint 2.3.5 writes UUIDs for MySQL alone.
    "UPDATE animal.animal SET token = '00000000-0000-0000-0000-000000000007' WHERE animal_id = 2",
    f"""UPDATE lab2."~~rate" SET error_stack = decode('{STACK}', 'hex')""",
    'CREATE TABLE lab2."Weird Col" ("A b" int PRIMARY KEY)',
    "CREATE VIEW lab2.seen AS SELECT * FROM lab2.session",
)
for statement in ON_MARIADB_ALONE if ON_MARIADB else ON_POSTGRESQL_ALONE:
    dj.conn().query(statement)

"""A laboratory in DataJoint 0.14 on MariaDB, with everything that an import meets; run by `make_dumps.py` alone.

DJ_HOST, DJ_USER and DJ_PASS lead to an empty server; the first argument is the folder for the stores.
"""

from __future__ import annotations

import datetime as dt
import sys
import uuid
from decimal import Decimal
from pathlib import Path

import datajoint as dj
import networkx as nx
import numpy as np

STORES = Path(sys.argv[1]).resolve()
for name in ("ext", "raw"):
    (STORES / name).mkdir(parents=True)
    dj.config.setdefault("stores", {})[name] = {
        "protocol": "file",
        "location": str(STORES / name),
        **({"stage": str(STORES / name)} if name == "raw" else {}),
    }
dj.config["database.use_tls"] = False
dj.config["enable_python_native_blobs"] = True
dj.config["safemode"] = False
dj.errors._switch_filepath_types(True)
dj.errors._switch_adapted_types(True)

animal = dj.Schema("a-animal")
upper = dj.Schema("Upper")
lab = dj.Schema("lab")


class GraphAdapter(dj.AttributeAdapter):
    attribute_type = "longblob"

    def put(self, obj):
        return list(obj.edges)

    def get(self, value):
        return nx.Graph(value)


graph = GraphAdapter()


@animal
class Species(dj.Lookup):
    definition = """
    # kinds of animals
    species : varchar(20)
    """
    contents = zip(["mouse", "Rat"])


@animal
class Animal(dj.Manual):
    definition = """
    # one animal; quoted # hash
    animal_id : int unsigned auto_increment
    ---
    -> Species
    -> [nullable] Species.proj(second_species='species')
    nick = "it's" : varchar(30) # a name: with 'colon'
    sex = 'U' : enum('M', 'F', 'U')
    born = null : date
    weight = 0.5 : float
    grams = null : double
    price = 1.50 : decimal(8,2)
    alive = 1 : bool
    """


@upper
class CCF(dj.Lookup):
    definition = """
    # common coordinate framework
    ccf_id : tinyint unsigned
    ---
    ccf_name : varchar(40)
    """
    contents = [(1, "whole brain")]


@upper
class Types(dj.Manual):
    definition = """
    # every plain type
    id : bigint unsigned
    ---
    i8 = -5 : tinyint
    u8 = 250 : tinyint unsigned
    i16 = null : smallint
    u16 = null : smallint unsigned
    i24 = null : mediumint
    u24 = null : mediumint unsigned
    i64 = null : bigint
    y = null : year
    span = null : time
    clock = "12:30:00" : time
    moment = null : datetime(3)
    seen = CURRENT_TIMESTAMP : timestamp
    day = "2020-01-31" : date
    c = "" : char(4)
    txt : varchar(2000)
    doc = null : json
    """


@lab
class Session(dj.Manual):
    definition = """
    -> Animal
    session : smallint
    ---
    token : uuid
    -> [unique] CCF
    started = CURRENT_TIMESTAMP : datetime
    index (started)
    unique index (token, started)
    """

    class Trial(dj.Part):
        definition = """
        -> master
        trial : int
        ---
        outcome = null : varchar(12)
        """


@lab
class Pair(dj.Manual):
    definition = """
    # two foreign keys to one parent, renamed
    -> Animal.proj(mother='animal_id')
    -> Animal.proj(father='animal_id')
    ---
    note = "" : varchar(10)
    """


@lab
class Blobs(dj.Manual):
    definition = """
    blob_id : int
    ---
    b = null : longblob
    small = null : blob
    raw_bytes = null : mediumblob
    file = null : attach
    """


@lab
class Stored(dj.Manual):
    definition = """
    stored_id : int
    ---
    big : blob@ext
    doc : attach@ext
    movie : filepath@raw
    tree : <graph>
    """


@lab
class Rate(dj.Computed):
    definition = """
    -> Session
    ---
    rate : double
    """

    def make(self, key):
        if key["session"] == 2:
            raise ValueError("no spikes")
        self.insert1({**key, "rate": 2.5})


@lab
class Scan(dj.Imported):
    definition = """
    -> Session
    ---
    depth : float
    """

    class Field(dj.Part):
        definition = """
        -> master
        field : tinyint
        """

    def make(self, key):
        self.insert1({**key, "depth": 0.1})
        self.Field.insert1({**key, "field": 1})


def insert_each(table, rows):
    """Insert rows that differ in their fields."""
    for row in rows:
        table.insert1(row)


def fill() -> None:
    insert_each(
        Animal,
        [
            {"animal_id": 3, "species": "mouse", "born": dt.date(2020, 2, 29), "weight": 0.1},
            {"animal_id": 5, "species": "Rat", "second_species": "mouse", "sex": "F", "grams": 1e-300},
            {"animal_id": 9, "species": "mouse", "nick": 'Ünïcøde \\ "q"', "alive": 0},
        ],
    )
    (Animal & "animal_id = 9").delete()
    Animal.insert1({"animal_id": 7, "species": "mouse", "nick": 'Ünïcøde \\ "q"', "alive": 0})
    insert_each(
    Types,
        [
            {"id": 2**64 - 1, "span": dt.timedelta(hours=30), "txt": " spaced ", "c": "ab",
             "moment": dt.datetime(2021, 5, 6, 7, 8, 9, 123000), "seen": dt.datetime(2021, 7, 1, 12, 0, 0),
             "doc": '{"b": [1, null, "x"], "a": 1.5}', "y": 1999, "i64": -(2**63), "u24": 2**24 - 1, "i24": -(2**23),
             "u16": 65535, "i16": -32768},
            {"id": 1, "span": dt.timedelta(hours=-1), "txt": "line\nbreak\ttab", "seen": dt.datetime(2021, 1, 1)},
        ]
    )  # fmt: skip
    insert_each(
        Session,
        [
            {"animal_id": 3, "session": 1, "token": uuid.UUID(int=1), "ccf_id": 1, "started": dt.datetime(2022, 1, 1)},
        ],
    )
    CCF.insert1((2, "half"))
    Session.insert1(
        {"animal_id": 5, "session": 2, "token": uuid.UUID(int=2), "ccf_id": 2, "started": dt.datetime(2022, 1, 2)}
    )
    Session.Trial.insert([(3, 1, 1, "hit"), (3, 1, 2, None)])
    Pair.insert1((3, 5, "ok"))
    attachment = STORES / "note.txt"
    attachment.write_bytes(b"inline \x00 bytes")
    values = {
        "numbers": np.arange(6, dtype=np.int16).reshape(2, 3),
        "text": "ä",
        "nested": [1, (2.5, None), {3}],
        "when": dt.datetime(2020, 1, 1, 1, 2, 3),
        "exact": Decimal("1.20"),
        "id": uuid.UUID(int=5),
    }
    Blobs.insert1({"blob_id": 1, "b": values, "small": np.float32(1.5), "file": attachment})
    Blobs.insert1({"blob_id": 2, "b": np.zeros((100, 100)), "small": np.array([[1.0, 2.0]])})
    Blobs.insert1({"blob_id": 3})
    movie = STORES / "raw" / "2020" / "movie.avi"
    movie.parent.mkdir(parents=True)
    movie.write_bytes(b"frames")
    Stored.insert1({"stored_id": 1, "big": np.arange(1000), "doc": attachment, "movie": movie,
                    "tree": nx.Graph([(1, 2), (2, 3)])})  # fmt: skip
    Stored.insert1({"stored_id": 2, "big": {"a": 1}, "doc": attachment, "movie": movie, "tree": nx.Graph()})
    Rate.populate(reserve_jobs=True, suppress_errors=True)
    Scan.populate()


def odd() -> None:
    """Add what is not from DataJoint, or past its checks, by plain SQL."""
    for statement in (
        "SET SESSION sql_mode = ''",
        "CREATE TABLE `lab`.`Weird Col` (`A b` int PRIMARY KEY)",
        "CREATE VIEW `lab`.`seen` AS SELECT * FROM `lab`.`session`",
        # MATLAB's blobs, and bytes that are not blobs.
        "UPDATE `lab`.`blobs` SET raw_bytes = x'00FF10' WHERE blob_id = 2",
        "CREATE TABLE `lab`.`#latin` (word varchar(20) CHARACTER SET latin1 NOT NULL, "
        "old_day date NOT NULL DEFAULT '2000-01-01', PRIMARY KEY (word)) DEFAULT CHARSET latin1 COMMENT 'old words'",
        "INSERT INTO `lab`.`#latin` VALUES (_utf8mb4'Größe', '2001-02-03'), ('zero', '0000-00-00')",
        "CREATE TABLE `lab`.`kin` (name varchar(20) NOT NULL, species varchar(20) NOT NULL, PRIMARY KEY (name), "
        "FOREIGN KEY (species) REFERENCES `a-animal`.`#species` (species)) COMMENT 'spelled otherwise'",
        "INSERT INTO `lab`.`kin` VALUES ('one', 'MOUSE'), ('two', 'Rat')",
        # MATLAB allows sets.
        "CREATE TABLE `lab`.`mark` (mark int NOT NULL, flags set('a','b','c') NOT NULL DEFAULT 'a', "
        "PRIMARY KEY (mark))",
        "INSERT INTO `lab`.`mark` VALUES (1, 'a,c'), (2, '')",
        "ALTER TABLE `Upper`.`types` ADD COLUMN long_txt longtext NULL",
        "UPDATE `Upper`.`types` SET long_txt = REPEAT('long', 1000) WHERE id > 1",
        "UPDATE `a-animal`.`animal` SET nick = CONCAT(nick, _utf8mb4 x'F09F90AD') WHERE animal_id = 7",
        # The stack has paths of whoever makes the dump.
        f"UPDATE `lab`.`~jobs` SET error_stack = x'{dj.blob.pack('Traceback: no spikes').hex()}'",
        "CREATE DATABASE `loop`",
        "CREATE TABLE `loop`.`hen` (hen int NOT NULL, egg int NULL, PRIMARY KEY (hen))",
        "CREATE TABLE `loop`.`egg` (egg int NOT NULL, hen int NULL, PRIMARY KEY (egg), "
        "FOREIGN KEY (hen) REFERENCES `loop`.`hen` (hen))",
        "ALTER TABLE `loop`.`hen` ADD FOREIGN KEY (egg) REFERENCES `loop`.`egg` (egg)",
        "INSERT INTO `loop`.`hen` VALUES (1, NULL)",
        "INSERT INTO `loop`.`egg` VALUES (7, 1)",
        "UPDATE `loop`.`hen` SET egg = 7",
    ):
        dj.conn().query(statement)


fill()
odd()

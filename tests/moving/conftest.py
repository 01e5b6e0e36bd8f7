"""A laboratory with values of every kind, on a server of its own, and a second server that has nothing."""

from __future__ import annotations

import datetime as dt
import io
import json
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
import pytest

import levada as lv
from levada._cli import main
from levada_server.storage.objects.storage import StoreFolders
from tests.conftest import cloned, served
from tests.support.client import forget_default_connection
from tests.support.objects import stores_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.bucket_services import SettingsOf

TESTS = ("levada._cli.main",)


@dataclass(frozen=True)
class Lab:
    """A server for a test.

    Args:
        address: Its address.
        stores: The folders of its stores.
    """

    address: str
    stores: StoreFolders

    @property
    def connection(self) -> lv.Connection:
        """A new connection to it."""
        return lv.Connection(self.address)


@contextmanager
def _lab(folder: Path, names: tuple[str, ...] = ("main", "raw")) -> Iterator[Lab]:
    folders = {store: folder / store for store in names}
    for place in folders.values():
        place.mkdir(parents=True)
    registrable = {store: {"*": ("",)} for store in names if store == "raw"}
    with _serving(StoreFolders(folders, "main", registrable=registrable)) as lab:
        yield lab


@contextmanager
def _serving(stores: StoreFolders) -> Iterator[Lab]:
    with cloned() as url, served(url, stores=stores) as address:
        yield Lab(address, stores)


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test uses the connection, the cache or the folder of another."""
    forget_default_connection(monkeypatch)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def laptop(tmp_path: Path) -> Iterator[Lab]:
    """The server that has the laboratory."""
    with _lab(tmp_path / "laptop") as lab:
        with lab.connection as connection:
            fill(connection, lab)
        yield lab


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Lab]:
    """A server without any schema."""
    with _lab(tmp_path / "other") as lab:
        yield lab


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Lab]:
    """A server without any schema, and with one store only."""
    with _lab(tmp_path / "bare", ("main",)) as lab:
        yield lab


@pytest.fixture
def cold(tmp_path: Path) -> Iterator[Lab]:
    """A server with one table, in stores whose names are more than a word."""
    with _lab(tmp_path / "cold", ("main", "cold-1", "2-Raw")) as lab:
        with lab.connection as connection:
            schema = lv.Schema("cold", connection=connection)
            definition = "n : int32\n---\nvalue : <blob@cold-1>\nsmall : <blob@2-Raw>\n"
            schema(type("Value", (lv.Manual,), {"definition": definition}))
            lv.FreeTable(connection, "cold.Value").insert1((1, np.arange(9), 1))
        yield lab


@pytest.fixture
def cloud(request: pytest.FixtureRequest, bucket_of: SettingsOf, tmp_path: Path) -> Iterator[Lab]:
    """A server without any schema, whose stores are of the kind that the parameter names."""
    with _serving(stores_of(request.param, bucket_of, tmp_path)) as lab:
        yield lab


@pytest.fixture
def levada() -> Callable[..., tuple[int, Any]]:
    """Run a command with --json; return its exit code, and what it or its error says."""

    def run(*words: str | Path) -> tuple[int, Any]:
        with redirect_stdout(io.StringIO()) as written, redirect_stderr(io.StringIO()) as told:
            code = main.main([*map(str, words), "--json"])
        return code, json.loads(written.getvalue() or told.getvalue())

    return run


def fill(connection: lv.Connection, lab: Lab) -> None:
    """Declare the laboratory: two schemas, every kind of value, each form of a foreign key."""
    animals, work = lv.Schema("animals", connection=connection), lv.Schema("work", connection=connection)
    work.make_contract = "off"
    work.confidential = True

    @animals
    class Animal(lv.Manual):
        definition = """
        # one animal; with a # hash
        animal : int32 auto_increment
        ---
        name = "it's" : varchar(40)   # what it is called
        weight = null : float32       # in g
        index (name)
        """

    @animals
    class Litter(lv.Manual):
        definition = """
        -> Animal.proj(mother='animal')
        ---
        -> [nullable] Animal.proj(father='animal')
        """

    @work
    class Session(lv.Manual):
        definition = """
        -> Animal
        session : int32
        ---
        day : date                 # by the lab's clock
        begun : timestamptz
        seen : datetime(3)
        span = "00:30:00" : duration
        clock : time
        price : decimal(8,2)
        token : uuid
        facts : json
        kind = "a" : enum('a', 'b "c"')
        raw : bytes
        value : <blob>
        image : <array float32(2,3)>
        note = null : <attach>
        large : <blob@main>
        trace : <npy@main>
        video : <attach@main>
        folder : <object@main>
        exact : <hash@main>
        camera = null : <filepath@raw>
        unique index (token)
        """

        class Trial(lv.Part):
            definition = """
            -> master
            trial : int16
            ---
            good = true : bool
            """

    @work
    class Rate(lv.Computed):
        definition = """
        -> Session
        ---
        rate : float64       # in Hz
        """
        max_attempts = 1

        def make(self, key: dict[str, Any]) -> None:
            if key["session"] == 2:
                raise RuntimeError("the electrode broke")
            self.insert1({**key, "rate": 0.1})

    Animal.insert([{"animal": 1, "name": "Ünïcøde", "weight": 0.1}, {"animal": 5, "weight": float("nan")}])
    Animal.insert1({"animal": 9})
    (Animal & {"animal": 9}).delete(prompt=False)
    Litter.insert([{"mother": 1, "father": 5}, {"mother": 5, "father": None}])
    source = lab.stores.folders["main"].parent / "files"
    source.mkdir()
    (source / "note.txt").write_text("a note", encoding="utf-8")
    (source / "tree" / "deep").mkdir(parents=True)
    (source / "tree" / "deep" / "b.bin").write_bytes(bytes(range(256)))
    (source / "tree" / "a.txt").write_text("a", encoding="utf-8")
    (lab.stores.folders["raw"] / "2026").mkdir()
    (lab.stores.folders["raw"] / "2026" / "eye.avi").write_bytes(b"frames")
    for session in (1, 2):
        Session.insert1(
            {
                "animal": 5,
                "session": session,
                "day": dt.date(2026, 1, session),
                "begun": dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC),
                "seen": dt.datetime(1999, 12, 31, 23, 59, 59, 999000),
                "span": dt.timedelta(hours=-30),
                "clock": dt.time(1, 2, 3, 4),
                "price": Decimal("-1.50"),
                "token": UUID(int=session),
                "facts": {"a": [1, 2.5, None], "b": "x"},
                "kind": 'b "c"',
                "raw": bytes(range(256)),
                "value": {"x": np.arange(5), "y": ["text", 1j]},
                "image": np.arange(6, dtype="f4").reshape(2, 3),
                "note": source / "note.txt" if session == 1 else None,
                "large": np.arange(1000) * session,
                "trace": np.random.default_rng(session).normal(size=(50, 4)),
                "video": source / "note.txt",
                "folder": source / "tree",
                "exact": b"exactly" * session,
                "camera": "2026/eye.avi" if session == 1 else None,
            }
        )
    Session.Trial.insert([(5, 1, n, n != 2) for n in range(4)])
    Rate.populate(suppress_errors=True)

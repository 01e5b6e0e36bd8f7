"""A connection to the test's server, and a small pipeline to work with."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

import pytest

import levada as lv
from tests.support.client import forget_default_connection
from tests.support.squares import SQUARES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import ModuleType


@pytest.fixture(autouse=True)
def no_default_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test uses the connection that another has left behind."""
    forget_default_connection(monkeypatch)


@pytest.fixture
def connection(server_address: str) -> Iterator[lv.Connection]:
    with lv.Connection(server_address) as opened:
        yield opened


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server_address: str) -> Iterator[ModuleType]:
    """A module of a pipeline that other processes can import; its makes add lines to the file `calls` here."""
    name = "squares_in_processes"
    (tmp_path / f"{name}.py").write_text(SQUARES, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("LEVADA_URL", server_address)
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    with lv.connect(server_address):
        yield importlib.import_module(name)
    del sys.modules[name]


@pytest.fixture
def lab(connection: lv.Connection) -> lv.VirtualModule:
    """Species ← Subject ← Session ← Session.Trial, with a few rows each."""
    schema = lv.Schema("lab", connection=connection)

    @schema
    class Species(lv.Lookup):
        definition = """
        species : varchar(20)
        """
        contents = (("mouse",), ("rat",))

    @schema
    class Subject(lv.Manual):
        definition = """
        # an animal
        subject_id : int32  # number on the ear tag
        ---
        -> [nullable] Species
        name = 'nameless' : varchar(40)
        weight = null : float64  # g
        """

    @schema
    class Session(lv.Manual):
        definition = """
        -> Subject
        session : int16
        ---
        day : date
        """

        class Trial(lv.Part):
            definition = """
            -> master
            trial : int16
            ---
            correct : bool
            """

    Subject.insert(
        [
            {"subject_id": 1, "species": "mouse", "name": "Ann", "weight": 20.5},
            {"subject_id": 2, "species": "rat", "name": "Bob"},
            {"subject_id": 3},
        ]
    )
    Session.insert([(1, 1, "2026-01-05"), (1, 2, "2026-01-06"), (2, 1, "2026-01-07")])
    Session.Trial.insert([(1, 1, t, t % 2) for t in range(4)])
    module = lv.VirtualModule("lab", "lab", connection=connection)
    module.schema = schema
    module.__dict__.update(Species=Species, Subject=Subject, Session=Session)
    return module

"""The pipeline of the soak: clients insert and delete sessions with events, and workers square samples."""

from __future__ import annotations

import time
from typing import Any

import levada as lv

SCHEMA = "soak"

schema = lv.Schema(SCHEMA)


@schema
class Session(lv.Manual):
    """Sessions, each inserted once."""

    definition = """
    session : int64
    ---
    kept : bool      # nobody deletes it
    batch : int64    # equal to the session, as in the other tables
    """


@schema
class Event(lv.Manual):
    """The events of sessions; each insert has a batch of its own."""

    definition = """
    -> Session
    event : int64
    ---
    batch : int64
    value : float64  # event modulo 1000
    index (batch)
    """


@schema
class Sample(lv.Manual):
    """Numbers to square."""

    definition = """
    sample : int64
    ---
    batch : int64
    seconds : float64  # how long that takes
    """


@schema
class Square(lv.Computed):
    """Their squares."""

    definition = """
    -> Sample
    ---
    square : float64
    """

    class Copy(lv.Part):
        """A part, so that a commit is more than one row."""

        definition = """
        -> master
        copy : int16
        """

    def make(self, key: dict[str, Any]) -> None:
        """Square a number."""
        time.sleep((Sample & key).fetch1("seconds"))
        self.insert1({**key, "square": float(key["sample"]) ** 2})
        self.Copy.insert([{**key, "copy": copy} for copy in range(3)])


@schema
class Number(lv.Lookup):
    """Numbers whose product with themselves is a long result."""

    definition = """
    number : int64
    """
    contents = tuple((number,) for number in range(1000))

"""The pipeline of the drills: small computations; some wait until the drill releases them."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import levada as lv
from tests.support.gate import VARIABLE, wait_at_gate

SCHEMA = "drill"

schema = lv.Schema(SCHEMA)


@schema
class Sample(lv.Manual):
    """The numbers to compute with."""

    definition = """
    n : int32
    ---
    role = '' : varchar(10)
    """


@schema
class Result(lv.Computed):
    """The results."""

    definition = """
    -> Sample
    ---
    square : int64
    """
    # The drills kill workers again and again, which is not the fault of a job.
    max_attempts = 1000
    retry_delay = timedelta(milliseconds=1)

    class Digit(lv.Part):
        """A part, so that a commit is more than one row."""

        definition = """
        -> master
        place : int16
        ---
        digit : int16
        """

    def make(self, key: dict[str, Any]) -> None:
        """Square a number; a sample that waits does so the first time."""
        role = (Sample & key).fetch1("role")
        if role == "waits":
            gate = os.environ[VARIABLE]
            try:
                Path(f"{gate}.{key['n']}").mkdir()
            except FileExistsError:
                pass
            else:
                # Its only read before the commit, because the answers may be held back then.
                assert self.heading and self.Digit().heading
                wait_at_gate(gate, str(key["n"]))
        square = key["n"] ** 2
        self.insert1({**key, "square": square})
        self.Digit.insert([{**key, "place": i, "digit": int(c)} for i, c in enumerate(str(square))])

"""Which results are still true, as users see it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import levada as lv

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import ModuleType

    import pytest

FACTOR = 2


def scaled(value: float) -> float:
    return value * FACTOR


def test_results_are_stale_once_their_inputs_change(connection: lv.Connection) -> None:
    schema = lv.Schema("rates", connection=connection)

    @schema
    class Session(lv.Manual):
        definition = """
        session : int32
        ---
        spikes : int32
        """

        class Trial(lv.Part):
            definition = """
            -> master
            trial : int32
            ---
            count : int32
            """

    @schema
    class Rate(lv.Computed):
        definition = """
        -> Session
        ---
        rate : float64
        """

        def make(self, key: dict[str, Any]) -> None:
            spikes = (Session & key).fetch1("spikes")
            trials = len(Session.Trial & key)
            self.insert1({**key, "rate": scaled(spikes) / (trials or 1)})

    @schema
    class Mean(lv.Computed):
        definition = """
        -> Rate
        ---
        mean : float64
        """

        def make(self, key: dict[str, Any]) -> None:
            self.insert1({**key, "mean": (Rate & key).fetch1("rate")})

    Session.insert([{"session": n, "spikes": n} for n in range(4)])
    Session.Trial.insert([{"session": n, "trial": 1, "count": 1} for n in range(4)])
    Rate.populate()
    Mean.populate()
    assert len(Rate.stale()) == 0
    assert set(Rate.staleness().to_arrays("state")) == {"fresh"}
    Session.update1({"session": 1, "spikes": 10})
    assert Rate.stale().to_dicts() == [{"session": 1, "state": "stale", "reason": "changed input: rates.Session"}]
    assert Mean.stale().to_dicts() == [{"session": 1, "state": "stale", "reason": "stale result upstream: rates.Rate"}]
    drawn = lv.Diagram(schema)
    assert [drawn.progress()[f"`rates`.`{name}`"]["stale"] for name in ("rate", "mean")] == [1, 1]
    assert drawn.with_counts().svg_string().count("4 of 4, 1 stale") == 2
    shown = schema._repr_html_()
    assert shown.count(">4 of 4<") == 2
    assert "stale" in shown
    Session.Trial.insert1({"session": 2, "trial": 2, "count": 1})
    (Session.Trial & {"session": 3}).delete(part_integrity="ignore", prompt=False)
    assert list(Rate.stale().to_arrays("session")) == [1, 2, 3]
    Session.update1({"session": 1, "spikes": 1})
    assert list(Rate.stale().to_arrays("session")) == [2, 3]
    assert len(Mean & Mean.stale()) == 2


def make_squares(
    connection: lv.Connection, helper: Callable[[int], int], *, imported: bool = False
) -> type[lv.Computed]:
    """Declare a table whose make calls a helper."""
    schema = lv.Schema("squares", connection=connection)

    @schema
    class Number(lv.Lookup):
        definition = "n : int32"
        contents = ((1,), (2,))

    tier: Any = lv.Imported if imported else lv.Computed

    @schema
    class Square(tier):  # type: ignore[misc]  # either of the two
        definition = """
        -> Number
        ---
        square : int64
        """

        def make(self, key: dict[str, int]) -> None:
            self.insert1({**key, "square": helper(key["n"])})

    found: type[lv.Computed] = Square
    return found


def squared(n: int) -> int:
    return n * n


def cubed(n: int) -> int:
    return n * n * n


def test_an_edit_of_a_helper_makes_results_stale(connection: lv.Connection) -> None:
    make_squares(connection, squared).populate()
    table = make_squares(connection, cubed)
    assert table.stale().to_arrays("reason").tolist() == ["other code of squares.Square"] * 2
    assert table.populate(stale=True)["success_count"] == 2
    assert sorted(table.to_arrays("square")) == [1, 8]
    assert len(table.stale()) == 0


def test_plain_populate_tells_once_of_stale_results(
    connection: lv.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    make_squares(connection, squared).populate()
    table = make_squares(connection, cubed)
    for _ in range(2):
        assert table.populate()["success_count"] == 0
    told = [record.message for record in caplog.records if "stale" in record.message]
    assert told == [
        "2 results of `Square` are stale: other code or other inputs would give another. Square.stale() says why, and "
        "populate(stale=True) recomputes."
    ]


def test_imported_results_and_rows_by_hand_are_unknown(connection: lv.Connection) -> None:
    table = make_squares(connection, squared, imported=True)
    table.insert1({"n": 1, "square": 1}, allow_direct_insert=True)
    table.populate()
    told = {row["n"]: (row["state"], row["reason"]) for row in table.staleness().to_dicts()}
    assert told == {
        1: ("unknown", "it was inserted by hand, not by its job"),
        2: ("unknown", "its make reads data outside the database"),
    }
    assert len(table.stale()) == 0
    assert table.recompute().equal_count == 1, "rows by hand have no make to run"


def test_a_read_that_is_not_finished_leaves_the_result_unknown(connection: lv.Connection) -> None:
    schema = lv.Schema("halves", connection=connection)

    @schema
    class Number(lv.Manual):
        definition = "n : int32"

    @schema
    class First(lv.Computed):
        definition = """
        -> Number
        ---
        first : int32
        """

        def make(self, key: dict[str, int]) -> None:
            for row in Number():
                self.insert1({**key, "first": row["n"]})
                break

    Number.insert([(n,) for n in range(200_000)])
    First.populate({"n": 7})
    told = First.staleness().fetch1()
    assert (told["state"], told["reason"]) == ("unknown", "not all that its make read is on record")


def test_commands_show_and_recompute_stale_results(module: ModuleType, tmp_path: Path) -> None:
    def levada(*words: str) -> tuple[int, str]:
        done = subprocess.run([sys.executable, "-m", "levada", *words], cwd=tmp_path, capture_output=True, text=True)
        return done.returncode, done.stdout

    module.Square.populate([{"n": 3}, {"n": 4}])
    assert levada("stale", "squares", "--json") == (
        0,
        '{"table": "squares.Square", "stale": 0, "unknown": 0, "fresh": 2}\n',
    )
    file = tmp_path / f"{module.__name__}.py"
    # The size differs, or Python may take for this what it compiled in the same second.
    file.write_text(file.read_text(encoding="utf-8").replace("** 2", "** (3)"), encoding="utf-8")
    assert levada("stale", "squares.Square", "--json")[1] == ""
    _, told = levada("stale", "squares.Square", "--module", module.__name__, "--json")
    assert [json.loads(line) for line in told.splitlines()] == [
        {"key": {"n": n}, "reason": "other code of squares.Square"} for n in (3, 4)
    ]
    asked = ("recompute", module.__name__, "Square", "n = 3", "--json")
    code, told = levada(*asked)
    assert code == 1
    assert json.loads(told)["different"] == 1
    assert (module.Square & {"n": 3}).fetch1("square") == 9
    assert levada(*asked, "--tolerance", "process=1e9", "--yes")[0] == 0
    assert (module.Square & {"n": 3}).fetch1("square") == 27
    assert json.loads(levada("status", "--json")[1])["stale results"] == 1
    code, told = levada("recompute", module.__name__, "Square", "n = 4", "--tolerance", "square")
    assert code == 1

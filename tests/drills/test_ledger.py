"""The comparison that drills rely on finds every kind of difference."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.ledger import Difference, Ledger

if TYPE_CHECKING:
    from benchmarks.ledger import Record

INSERT: Record = {"does": "insert", "session": 1, "batch": 7, "rows": {"event": 3}}
BOTH: Record = {"does": "insert", "session": 7, "batch": 7, "rows": {"session": 1, "event": 3}}
DELETE: Record = {"does": "delete sessions", "sessions": [1]}
DELETE_BATCH: Record = {"does": "delete batches", "batches": [7]}
DECLARE: Record = {"does": "declare", "table": "thing"}
DROP: Record = {"does": "drop", "table": "thing"}
EVENTS = {("event", 7): 3}
HALF = {("event", 7): 2}


def compared(
    acts: list[tuple[Record, str]], stored: dict[tuple[str, int], int], tables: frozenset[str] = frozenset()
) -> Difference:
    ledger = Ledger()
    for number, (act, told) in enumerate(acts):
        ledger.note(1, {"act": number, **act})
        if told != "unknown":
            ledger.note(1, {"act": number, "told": told, "reason": "", "message": "", "expected": True})
    return ledger.compare(stored, tables)


@pytest.mark.parametrize(
    ("acts", "stored"),
    [
        ([(INSERT, "done")], EVENTS),
        ([(INSERT, "refused")], {}),
        ([(INSERT, "unknown")], EVENTS),
        ([(INSERT, "unknown")], {}),
        ([(INSERT, "done"), (DELETE, "done")], {}),
        ([(INSERT, "done"), (DELETE, "unknown")], {}),
        ([(INSERT, "done"), (DELETE, "unknown")], EVENTS),
        ([(INSERT, "done"), (DELETE, "refused")], EVENTS),
        ([(INSERT, "done"), (DELETE_BATCH, "done")], {}),
        ([(BOTH, "done"), (DELETE_BATCH, "done")], {("session", 7): 1}),
    ],
)
def test_answers_that_agree_with_what_is_stored(
    acts: list[tuple[Record, str]], stored: dict[tuple[str, int], int]
) -> None:
    assert compared(acts, stored) == Difference()


@pytest.mark.parametrize(
    ("acts", "stored", "lost"),
    [
        ([(INSERT, "done")], {}, {"event": 3}),
        ([(INSERT, "done")], HALF, {"event": 1}),
        ([(INSERT, "unknown")], HALF, {"event": 1}),
        ([(BOTH, "unknown")], {("session", 7): 1}, {"event": 3}),
        ([(INSERT, "done"), (DELETE, "unknown")], HALF, {"event": 1}),
        ([(INSERT, "done"), (DELETE, "refused")], {}, {"event": 3}),
    ],
)
def test_lost_rows_are_counted(
    acts: list[tuple[Record, str]], stored: dict[tuple[str, int], int], lost: dict[str, int]
) -> None:
    assert compared(acts, stored) == Difference(lost=lost)


@pytest.mark.parametrize(
    ("acts", "stored", "extra"),
    [
        ([], EVENTS, {"event": 3}),
        ([(INSERT, "refused")], EVENTS, {"event": 3}),
        ([(INSERT, "done")], {("event", 7): 5}, {"event": 2}),
        ([(INSERT, "done"), (DELETE, "done")], HALF, {"event": 2}),
        ([(INSERT, "done"), (DELETE_BATCH, "done")], EVENTS, {"event": 3}),
    ],
)
def test_extra_rows_are_counted(
    acts: list[tuple[Record, str]], stored: dict[tuple[str, int], int], extra: dict[str, int]
) -> None:
    assert compared(acts, stored) == Difference(extra=extra)


@pytest.mark.parametrize(
    ("acts", "tables", "difference"),
    [
        ([(DECLARE, "done")], {"thing"}, Difference()),
        ([(DECLARE, "done")], set(), Difference(lost={"tables": 1})),
        ([(DECLARE, "refused")], {"thing"}, Difference(extra={"tables": 1})),
        ([(DECLARE, "done"), (DROP, "done")], {"thing"}, Difference(extra={"tables": 1})),
        ([(DECLARE, "done"), (DROP, "unknown")], {"thing"}, Difference()),
        ([(DECLARE, "done"), (DROP, "unknown")], set(), Difference()),
        ([(DECLARE, "unknown"), (DROP, "done")], set(), Difference()),
        ([], {"thing"}, Difference(extra={"tables": 1})),
    ],
)
def test_lost_and_extra_tables_are_counted(
    acts: list[tuple[Record, str]], tables: set[str], difference: Difference
) -> None:
    assert compared(acts, {}, frozenset(tables)) == difference


def test_an_answer_that_nobody_should_get_is_a_surprise() -> None:
    ledger = Ledger()
    ledger.note(1, {"act": 0, **INSERT})
    ledger.note(1, {"act": 0, "told": "refused", "reason": "INTERNAL", "message": "It failed.", "expected": False})
    assert ledger.surprises == ["insert: INTERNAL: It failed."]
    assert ledger.counts == {"insert": {"INTERNAL": 1}}

"""How rows go into a table, as a table of cases."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from levada_server.storage.rows.insert_plan import BULK_BYTES, BULK_ROWS, InsertPlan, Way, plan_insert

FEW, MANY, SMALL, LARGE = BULK_ROWS - 1, BULK_ROWS, BULK_BYTES - 1, BULK_BYTES


@dataclass(frozen=True, slots=True)
class Case:
    """A batch of an insert, and the plan for it."""

    way: Way
    transaction: bool
    rows: int
    size: int = SMALL
    duplicates: str = "refused"
    unfilled: bool = False
    alone: bool = True
    duplicates_expected: bool = False


CASES = {
    # One statement, which checks the catalog and stores the outcome itself.
    "few": Case(Way.BOUND, False, FEW),
    "one": Case(Way.BOUND, False, 1, size=0),
    "few skipped": Case(Way.BOUND, False, FEW, duplicates="skipped"),
    "few replaced": Case(Way.BOUND, False, FEW, duplicates="replaced"),
    "few with a sequence": Case(Way.BOUND, False, FEW, unfilled=True),
    "none": Case(Way.NONE, False, 0),
    # Others belong to the same insert.
    "few of several": Case(Way.BOUND, True, FEW, alone=False),
    "few of several skipped": Case(Way.BOUND, True, FEW, alone=False, duplicates="skipped", duplicates_expected=True),
    "none of several": Case(Way.NONE, True, 0, alone=False),
    # Too many, or too large, for one statement.
    "many": Case(Way.COPY, True, MANY),
    "large": Case(Way.COPY, True, 1, size=LARGE),
    "many with a sequence": Case(Way.STAGE, True, MANY, unfilled=True),
    "many replaced": Case(Way.STAGE, True, MANY, duplicates="replaced"),
    "many skipped": Case(Way.COPY_OR_STAGE, True, MANY, duplicates="skipped"),
    "many skipped with a sequence": Case(Way.STAGE, True, MANY, duplicates="skipped", unfilled=True),
    "many skipped as before": Case(Way.STAGE, True, MANY, alone=False, duplicates="skipped", duplicates_expected=True),
    "many refused after fewer": Case(Way.COPY, True, MANY, alone=False, duplicates_expected=True),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_rows_go_in_by_the_way_that_is_planned(case: Case) -> None:
    skip, replace = case.duplicates == "skipped", case.duplicates == "replaced"
    plan = plan_insert(
        case.rows,
        case.size,
        skip_duplicates=skip,
        replace=replace,
        unfilled=case.unfilled,
        alone=case.alone,
        duplicates_expected=case.duplicates_expected,
    )
    assert plan == InsertPlan(case.way, case.transaction, skip, replace)


@pytest.mark.parametrize("way", Way)
def test_each_way_has_a_case(way: Way) -> None:
    assert any(case.way is way for case in CASES.values())

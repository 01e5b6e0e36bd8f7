"""The jobs of a schema, as people see them."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

import levada as lv
from levada._pipeline.schema_jobs import SchemaJobs

TESTS = ("levada._pipeline.schema_jobs",)


class Counted:
    """Jobs of a table whose counts alone are known."""

    def __init__(self, table_name: str, counts: dict[str, int]) -> None:
        self.table_name = table_name
        self._counts = counts

    def progress(self) -> dict[str, int]:
        return self._counts


def test_counts_stand_below_their_states_if_only_some_tables_have_a_state() -> None:
    tables = [Counted("square", {"pending": 1, "total": 1}), Counted("cube", {"pending": 2, "held": 3, "total": 5})]
    header, _, *rows = repr(SchemaJobs(cast("Any", tables))).splitlines()
    assert [dict(zip(header.split(), row.split(), strict=True)) for row in rows] == [
        {"table_name": "square", "pending": "1", "held": "0", "total": "1"},
        {"table_name": "cube", "pending": "2", "held": "3", "total": "5"},
    ]


@pytest.fixture
def schema(connection: lv.Connection) -> lv.Schema:
    """One failed job and two successes of `half`; three successes of `half_of`, whose older name has the mark `_`."""
    schema = lv.Schema("halves", connection=connection)

    @schema
    class Number(lv.Lookup):
        definition = "n : int32"
        contents = ((1,), (2,), (3,))

    @schema
    class Half(lv.Computed):
        definition = "-> Number"

        def make(self, key: dict[str, int]) -> None:
            if key["n"] == 1:
                raise ValueError("like __half")
            self.insert1(key)

    @schema
    class HalfOf(lv.Imported):
        definition = "-> Number"

        def make(self, key: dict[str, int]) -> None:
            self.insert1(key)

    Half.populate(suppress_errors=True)
    HalfOf.populate()
    return schema


HALF = (
    'table_name="half"',
    "table_name = '__half'",
    "`table_name`='Half'",
    "table_name LIKE '%half'",
    'table_name like "\\_\\_half"',
    "table_name in ('__half', 'Other')",
    'table_name not in ("_half_of", "#other")',
    "NOT table_name <> '__half'",
    {"table_name": "__half"},
    {"table_name": ["Half", "other"]},
    [{"table_name": "__half", "n": n} for n in range(100)],
    lv.AndList(["table_name != '_half_of'", "n < 9"]),
    lv.Not({"table_name": "HalfOf"}),
    (name for name in ["table_name='__half'", {"table_name": "other"}]),
    pd.DataFrame({"table_name": ["__half", "other"]}),
    np.array([("__half", 1), ("__half", 2), ("__half", 3)], [("table_name", "U9"), ("n", int)]),
)


@pytest.mark.parametrize("condition", HALF, ids=range(len(HALF)))
def test_a_condition_names_a_table_in_any_form_and_spelling(schema: lv.Schema, condition: object) -> None:
    assert {job["table_name"] for job in (schema.jobs & condition).fetch()} == {"half"}


def test_jobs_are_counted_whatever_their_table(schema: lv.Schema) -> None:
    assert (len(schema.jobs), len(schema.jobs & "n > 1"), len(schema.jobs.errors)) == (6, 4, 1)
    assert len(schema.jobs & 'table_name="__half"' & 'status="error"') == 1
    assert len(schema.jobs - 'status="error"') == 5
    assert schema.jobs & 'table_name="__half"' & 'status="error"'
    assert not schema.jobs & 'table_name="_half_of"' & 'status="error"'
    assert [len(jobs) for jobs in schema.jobs] == [len(schema.jobs[0]), len(schema.jobs[1])] == [3, 3]


def test_other_texts_of_a_condition_stay_as_they_are(schema: lv.Schema) -> None:
    assert len(schema.jobs & "table_name = '__half' and error_message = 'like __half'") == 1


def test_one_job_is_fetched_with_a_key_that_restricts_to_it(schema: lv.Schema) -> None:
    failed = schema.jobs & "status = 'error'"
    assert failed.fetch1("key", "error_message") == ({"n": 1}, "like __half")
    assert failed.fetch1("KEY") == {"table_name": "half", "n": 1}
    assert failed.fetch("KEY") == [failed.fetch1("KEY")]
    assert (schema.jobs & failed.fetch("KEY")).fetch1()["state"] == "error"
    assert failed.fetch("KEY", "status", as_dict=True) == [{"KEY": failed.fetch1("KEY"), "status": "error"}]
    with pytest.raises(lv.errors.InvalidRequest, match="there are 3"):
        (schema.jobs & {"table_name": "Half"}).fetch1()
    with pytest.raises(lv.errors.NotFound, match="there are 0"):
        schema.jobs.pending.fetch1()
    (schema.jobs & failed.fetch("KEY")).delete()
    assert (len(schema.jobs.errors), len(schema.jobs.pending)) == (0, 1)

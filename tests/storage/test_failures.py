"""What PostgreSQL raises becomes a domain error; each listed SQLSTATE is provoked on a real database."""

from __future__ import annotations

import asyncpg
import pytest

from levada_server import errors
from levada_server.storage.postgres.failures import translate

PREPARE = """
CREATE SCHEMA lab;
CREATE TABLE lab.parent (a integer PRIMARY KEY, b smallint NOT NULL CHECK (b > 0));
CREATE TABLE lab.child (a integer REFERENCES lab.parent);
INSERT INTO lab.parent VALUES (1, 1); INSERT INTO lab.child VALUES (1);
"""


def raising(state: str) -> str:
    """Write a statement by which PostgreSQL itself raises a state that is hard to reach otherwise."""
    return f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{state}', MESSAGE = 'provoked'; END $$"


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("INSERT INTO lab.parent VALUES (2, 100000)", errors.ValueOutOfRange),
        ("SELECT 'x'::integer", errors.WrongValue),
        ("INSERT INTO lab.parent VALUES (2, NULL)", errors.MissingAttribute),
        ("DELETE FROM lab.parent", errors.HasChildren),
        ("INSERT INTO lab.parent VALUES (1, 1)", errors.DuplicateEntity),
        ("INSERT INTO lab.parent VALUES (2, -1)", errors.ValueOutOfRange),
        ("CREATE TABLE nowhere.t ()", errors.UnknownSchema),
        ("SELECT FROM lab.nothing", errors.UnknownTable),
        ("CREATE TABLE lab.parent ()", errors.AlreadyExists),
        ("CREATE SCHEMA lab", errors.AlreadyExists),
        ("CREATE INDEX ON lab.parent ((random()))", errors.InvalidDefinition),
        ("SET TRANSACTION READ ONLY; DELETE FROM lab.parent", errors.PreconditionFailed),
        ("SET LOCAL statement_timeout = 1; SELECT pg_sleep(5)", errors.DeadlineExceeded),
        (raising("28000"), errors.PermissionDenied),
        (raising("42501"), errors.PermissionDenied),
        (raising("40001"), errors.Conflict),
        (raising("40P01"), errors.Conflict),
        (raising("55P03"), errors.Conflict),
        (raising("53300"), errors.LimitReached),
        (raising("54001"), errors.LimitReached),
        (raising("57P01"), errors.Unavailable),
        (raising("08006"), errors.Unavailable),
        (raising("0A000"), errors.Unsupported),
    ],
)
async def test_a_postgresql_error_becomes_a_domain_error(
    connection: asyncpg.Connection[asyncpg.Record], statement: str, kind: type[errors.LevadaError]
) -> None:
    await connection.execute(PREPARE)
    with pytest.raises(asyncpg.PostgresError) as caught:
        async with connection.transaction():
            await connection.execute(statement)
    translated = translate(caught.value)
    assert type(translated) is kind


async def test_a_fault_of_ours_is_not_translated(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    with pytest.raises(asyncpg.PostgresSyntaxError) as caught:
        await connection.execute("SELEC 1")
    assert translate(caught.value) is None

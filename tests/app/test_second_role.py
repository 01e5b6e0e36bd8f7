"""A server whose calls use a role that owns nothing, and roles that only read views."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest

import levada as lv
from levada_server.storage.postgres.database import Database
from levada_server.storage.postgres.second_role import let_in
from tests.app.test_serve import serving
from tests.conftest import served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from levada_server.storage.objects.storage import StoreFolders

REPORTS = """
CREATE ROLE {role} LOGIN;
ALTER ROLE {role} SET default_transaction_read_only = on;
CREATE SCHEMA reports;
CREATE VIEW reports.session AS SELECT session FROM lab.session;
GRANT USAGE ON SCHEMA reports TO {role};
GRANT SELECT ON ALL TABLES IN SCHEMA reports TO {role};
"""
"""As in docs/how-to/run-a-server.md."""

REFUSED = (
    "CREATE TABLE lab.mine ()",
    "CREATE SCHEMA mine",
    "ALTER TABLE lab.session ADD COLUMN x integer",
    "DROP TABLE lab.session",
    "TRUNCATE lab.session",
    "CREATE INDEX ON lab.session (note)",
    "UPDATE levada.audit SET username = 'nobody'",
    "DELETE FROM levada.audit",
    "TRUNCATE levada.audit",
    "DELETE FROM levada.audit_other",
    "DROP TABLE levada.audit",
    "ALTER TABLE levada.audit DISABLE TRIGGER ALL",
    "SET session_replication_role = replica",
    "DELETE FROM levada.migration",
    "CREATE FUNCTION levada.mine() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
)


@pytest.fixture
def role_url(database_url: str) -> Iterator[str]:
    """The test's database with a role that owns nothing."""
    role = f"calls_{uuid4().hex}"
    run(database_url, f"CREATE ROLE {role} LOGIN")
    yield with_role(database_url, role)
    run(database_url, f"DROP OWNED BY {role}; DROP ROLE {role}")


def with_role(url: str, role: str) -> str:
    """Return a URL with another role."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{quote(role)}@{parts.netloc.rpartition('@')[2]}"))


def run(url: str, statement: str) -> list[asyncpg.Record]:
    """Run statements with the role of a URL; return the rows of the only one."""

    async def work() -> list[asyncpg.Record]:
        connection = await asyncpg.connect(url)
        try:
            if ";" in statement:
                await connection.execute(statement)
                return []
            return list(await connection.fetch(statement))
        finally:
            await connection.close()

    return asyncio.run(work())


@pytest.fixture
def address(database_url: str, role_url: str, store_folders: StoreFolders) -> Iterator[str]:
    """A server whose calls use the second role."""
    with served(role_url, owner_url=database_url, stores=store_folders) as address:
        yield address


def test_the_server_works_with_a_role_that_owns_nothing(address: str, database_url: str, role_url: str) -> None:
    connection = lv.connect(address)
    schema = lv.Schema("lab", connection=connection)

    @schema
    class Session(lv.Manual):
        definition = "session : int32\n---\nnote = '' : varchar(20)\n"

    @schema
    class Rate(lv.Computed):
        definition = "-> Session\n---\nrate : int32\n"

        def make(self, key: dict[str, object]) -> None:
            self.insert1({**key, "rate": 1})

    Session.insert([{"session": number} for number in range(3)])
    Session.insert([{"session": number} for number in range(10, 6_010)])  # by COPY, with statistics
    Session.update1({"session": 1, "note": "x"})
    Session.insert1({"session": 1, "note": "y"}, replace=True)
    Rate.populate(Session & "session < 3")
    assert len(Rate()) == 3
    (Session & {"session": 2}).delete(prompt=False)
    assert len(Rate()) == 2
    Session.definition = "session : int32\n---\nnote = '' : varchar(40)\n"
    Session.alter(prompt=False)
    Session.insert1({"session": 7_000, "note": "x" * 40})
    with connection.transaction:
        Session.insert1({"session": 7_001})
    owners = run(database_url, "SELECT tableowner FROM pg_tables WHERE schemaname IN ('lab', 'levada', 'levada_jobs')")
    assert urlsplit(role_url).username not in {row["tableowner"] for row in owners}
    for statement in REFUSED:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            run(role_url, statement)
    methods = {row["method"] for row in run(role_url, "SELECT method FROM levada.audit")}
    assert {"DeclareTable", "AlterTable", "DeleteRows"} <= methods
    Rate.drop(prompt=False)
    connection.close()


def test_a_role_reads_the_views_that_it_is_given_and_nothing_else(address: str, database_url: str) -> None:
    connection = lv.connect(address)
    schema = lv.Schema("lab", connection=connection)

    @schema
    class Session(lv.Manual):
        definition = "session : int32\n---\nnote = '' : varchar(20)\n"

    Session.insert1({"session": 1, "note": "secret"})
    role = f"reports_{uuid4().hex}"
    run(database_url, REPORTS.format(role=role))
    try:
        reader = with_role(database_url, role)
        assert [tuple(row) for row in run(reader, "SELECT * FROM reports.session")] == [(1,)]
        for statement in ("SELECT * FROM lab.session", "SELECT * FROM levada.audit", "SELECT * FROM levada.token"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                run(reader, statement)
        with pytest.raises(asyncpg.PostgresError):
            run(reader, "INSERT INTO reports.session VALUES (2)")
        with pytest.raises(asyncpg.PostgresError):
            run(reader, "BEGIN READ WRITE; DELETE FROM reports.session; COMMIT")
    finally:
        run(database_url, f"DROP SCHEMA reports CASCADE; DROP OWNED BY {role}; DROP ROLE {role}")
        connection.close()


async def test_one_role_needs_no_grants(database_url: str) -> None:
    database = await Database.connect(database_url)
    await let_in(database)
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM pg_default_acl") == 0
    await database.close()


def test_several_processes_work_with_the_second_role(
    database_url: str, role_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEVADA_OWNER_URL", database_url)
    arguments = ("--database-url", role_url, "--listen", "127.0.0.1:0", "--processes", "2", "--grace", "0.1")
    with serving(*arguments) as (_, address):
        connection = lv.connect(address)
        schema = lv.Schema("lab", connection=connection)

        @schema
        class Session(lv.Manual):
            definition = "session : int32\n"

        Session.insert([(number,) for number in range(3)])
        assert len(Session()) == 3
        roles = run(database_url, "SELECT DISTINCT usename FROM pg_stat_activity WHERE datname = current_database()")
        assert role_url.partition("://")[2].partition("@")[0] in {row["usename"] for row in roles}

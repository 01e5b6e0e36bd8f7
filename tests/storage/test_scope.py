"""The two scopes of an operation: the pool, and a transaction that its owner ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from levada_server.errors import LevadaError, PreconditionFailed
from levada_server.model.request import Request
from levada_server.model.table import TableName
from levada_server.storage.postgres.transactions import Transactions

if TYPE_CHECKING:
    from levada_server.operations.context import Engine
    from levada_server.storage.postgres.scope import Scope

REQUEST = Request("r1", "InsertRows")
NOTE = TableName("lab", "Note")


async def count(scope: Scope) -> int:
    async with scope.connection() as connection:
        return int(await connection.fetchval("SELECT count(*) FROM pg_temp.note"))


async def test_the_pool_records_requests_and_lets_no_job_write(engine: Engine) -> None:
    assert engine.scope.recorded(REQUEST) is REQUEST
    with pytest.raises(PreconditionFailed, match="open one first"):
        engine.scope.job_writes()


async def test_an_open_transaction_counts_what_a_job_writes_and_leaves_the_record_to_its_commit(engine: Engine) -> None:
    async with Transactions(engine.scope.outside) as transactions:
        await transactions.begin("read_committed", read_only=False)
        transactions.scope.job_writes()[NOTE] += 2
        assert transactions.scope.job_writes() == {NOTE: 2}
        assert transactions.scope.recorded(REQUEST) is None
        await transactions.roll_back()
        await transactions.begin("read_committed", read_only=False)
        assert not transactions.scope.job_writes()


async def test_a_failure_in_an_open_transaction_undoes_its_own_use_alone(engine: Engine) -> None:
    async with Transactions(engine.scope.outside) as transactions:
        await transactions.begin("read_committed", read_only=False)
        async with transactions.scope.connection() as inside:
            await inside.execute("CREATE TEMPORARY TABLE note ON COMMIT DROP AS SELECT 1 AS n")
        with pytest.raises(LevadaError):
            async with transactions.scope.transaction() as inside:
                await inside.execute("INSERT INTO pg_temp.note VALUES (2)")
                await inside.execute("SELECT 1 / 0")
        assert await count(transactions.scope) == 1


async def test_after_the_end_of_a_transaction_the_pool_is_the_scope_again(engine: Engine) -> None:
    async with Transactions(engine.scope.outside) as transactions:
        with pytest.raises(PreconditionFailed, match="begin one first"):
            transactions.current()
        await transactions.begin("read_committed", read_only=True)
        assert transactions.scope is transactions.current()
        await transactions.commit()
        assert transactions.scope is engine.scope

"""Each place that refuses more than a limit allows has a test that reaches the limit, named here."""

from __future__ import annotations

import ast
import errno
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc.aio
import pyarrow as pa
import pytest

import levada_server
from levada_api.v1 import query_service_pb2, relation_pb2, schema_pb2
from levada_server.arrow.admitted import MAX_COLUMNS, check_schema
from levada_server.errors import LimitReached, QueryTooDeep
from levada_server.operations.prefetch import MAX_ANSWERS, MAX_READS, prefetch
from levada_server.operations.transactions import TransactionLimits
from levada_server.rpc import dispatch
from levada_server.rpc.decoding import entities
from levada_server.rpc.message_bounds import QUICK_STEPS
from levada_server.rpc.server import RpcServer
from levada_server.storage.objects.folder_store import FolderStore
from levada_server.storage.postgres import transactions
from levada_server.storage.postgres.transactions import Transactions
from tests.rpc.test_user_limits import limit_of
from tests.support.make import ME
from tests.support.private_address import private_address

if TYPE_CHECKING:
    from levada_server.operations.context import Engine

HERE = Path(__file__).parent
SERVER = Path(levada_server.__file__).parent
ERRORS = ("LimitReached", "QueryTooDeep")
ATTACKS = "rpc/test_attacks.py", "test_no_message_kills_freezes_or_fills_a_server"
JOBS = "rpc/test_job_service.py", "test_a_call_past_a_limit_of_jobs_names_it"
REACHED = {
    "arrow/admitted.py": {"check_schema": ("test_limits.py", "test_too_many_columns_of_values_are_refused")},
    "arrow/ipc/coercion.py": {"check_codes": ATTACKS},
    "arrow/ipc/reading.py": {
        "take": ("arrow/test_reading.py", "test_many_batches_that_are_small_each_do_not_pass_an_allowance_together"),
        "_check_values": ATTACKS,
        "_count_dictionary": (
            "arrow/test_reading.py",
            "test_a_message_that_stands_for_too_much_is_refused_before_it_is_decoded",
        ),
    },
    "issuer.py": {"waiting": ("rpc/test_logins.py", "test_an_issuer_that_stalls_holds_no_other_call_up")},
    "layout/arrange.py": {
        "arrange": (
            "rpc/test_large_catalogs.py",
            "test_other_calls_are_answered_beside_messages_about_large_catalogs",
        )
    },
    "layout/layered.py": {"_chains": ("layout/test_arrange.py", "test_lines_that_pass_too_many_boxes_are_refused")},
    "model/sizes.py": {"too_large": ATTACKS},
    "operations/call_limits.py": {"add": ("rpc/test_user_limits.py", "test_a_call_reads_and_inserts_only_so_much")},
    "operations/completion/recomputation.py": {"lease_results": JOBS},
    "operations/diagrams.py": {"_check_number": ("operations/test_diagrams.py", "test_what_is_too_large_is_refused")},
    "operations/discoveries.py": {
        "_check_count": ("operations/test_discoveries.py", "test_too_many_tables_are_refused")
    },
    "operations/jobs.py": {"renew_sessions": JOBS, "reserve": JOBS, "release": JOBS},
    "operations/memory.py": {
        "wait_for": ("operations/test_row_memory.py", "test_a_call_that_waits_in_vain_is_refused")
    },
    "operations/prefetch.py": {"prefetch": ("test_limits.py", "test_too_many_reads_of_jobs_are_refused")},
    "operations/quota.py": {"admit": ("rpc/test_user_limits.py", "test_a_schema_takes_no_more_than_it_may")},
    "operations/recordings.py": {
        "keep": ("operations/test_recordings.py", "test_recording_is_bounded"),
        "create": ("operations/test_recordings.py", "test_recording_is_bounded"),
        "begin_kept_read": ("operations/test_recordings.py", "test_read_is_kept_by_few_recordings"),
    },
    "operations/row_checks.py": {"check_rows": ("operations/test_row_checks.py", "test_too_many_rows_are_not_checked")},
    "query/expression/typing.py": {
        "type_text": ("query/test_expression_limits.py", "test_a_nearly_used_stack_is_told_plainly")
    },
    "query/lowered.py": {
        "alias": ("query_meaning/test_operators.py", "test_shared_relations_are_bounded"),
        "spend": ("query_meaning/test_operators.py", "test_expressions_that_grow_by_their_names_are_bounded"),
    },
    "query/sql.py": {"statement": ("query_meaning/test_operators.py", "test_values_are_bounded")},
    "rpc/decoding/completions.py": {
        "replaced_jobs": JOBS,
        "_check_count": ("rpc/test_few_jobs.py", "test_too_many_jobs_are_refused"),
        "completed_job": JOBS,
        "output_of": ("rpc/test_job_service.py", "test_too_much_output_of_a_job_is_refused"),
    },
    "rpc/decoding/entities.py": {"_decoded": ("test_limits.py", "test_codes_stand_for_only_so_many_bytes")},
    "rpc/decoding/relations.py": {
        "relation": ("rpc/test_decode_relation.py", "test_more_nodes_than_the_limit_are_refused"),
        "_count_values": ATTACKS,
        "_limited": ("rpc/test_decode_relation.py", "test_few_operators_that_stand_for_many_are_refused"),
        "_deeper": ("rpc/test_decode_relation.py", "test_deeper_nesting_is_refused"),
    },
    "rpc/dispatch.py": {"_counted": ("test_limits.py", "test_a_message_with_too_many_elements_is_refused")},
    "rpc/message_bounds.py": {"check_size": ATTACKS, "count": ATTACKS},
    "rpc/query_service.py": {
        "_too_long": ("rpc/test_slow_readers.py", "test_a_result_that_nobody_reads_in_time_is_ended")
    },
    "rpc/streams/call_streams.py": {"opened": ("rpc/test_call_streams.py", "test_there_are_not_too_many_streams")},
    "rpc/streams/session_service.py": {
        "_counted": ("rpc/test_session_service.py", "test_sessions_have_a_limit_and_make_room_when_they_end")
    },
    "rpc/streams/transaction_guard.py": {
        "check_silence": ("rpc/test_user_limits.py", "test_an_idle_transaction_gives_way_to_users_who_have_fewer"),
        "too_long": ("rpc/test_session_service.py", "test_a_transaction_that_is_open_for_too_long_is_rolled_back"),
    },
    "rpc/user_shares.py": {
        "UserShares.taken": ("rpc/test_user_limits.py", "test_one_user_does_not_take_the_streams_of_others"),
        "UserResults.taken": ("rpc/test_user_limits.py", "test_one_user_reads_only_so_many_large_results_at_once"),
    },
    "rpc/web/front.py": {
        "_check_size": ("rpc/web/test_calls.py", "test_long_requests_are_refused_before_they_are_read")
    },
    "storage/objects/bucket_errors.py": {
        "failed": ("storage/test_stores.py", "test_a_store_that_is_slow_full_or_refuses_is_told")
    },
    "storage/objects/folder_store.py": {"_writing": ("test_limits.py", "test_a_full_store_is_named")},
    "storage/postgres/database.py": {
        "exhausted": ("rpc/test_shares.py", "test_idle_transactions_keep_nobody_else_waiting")
    },
    "storage/postgres/spool.py": {
        "full": ("storage/test_spooled.py", "test_an_insert_that_the_spool_cannot_take_is_refused"),
        "_spool": ("storage/test_pipe.py", "test_a_disk_that_takes_nothing_is_told"),
    },
    "storage/postgres/transactions.py": {
        "savepoint": ("test_limits.py", "test_a_transaction_has_only_so_many_savepoints")
    },
}
"""By module and function: the file of the test, and its name."""


def refusing() -> set[tuple[str, str]]:
    """Return the module and the function of each place that makes an error of a limit."""
    found = set()
    for file in SERVER.rglob("*.py"):
        module = str(file.relative_to(SERVER))

        def visit(node: ast.AST, names: tuple[str, ...], module: str = module) -> None:
            for child in ast.iter_child_nodes(node):
                inner = names
                if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                    inner = (*names, child.name)
                elif isinstance(child, ast.Call) and isinstance(child.func, ast.Name) and child.func.id in ERRORS:
                    found.add((module, ".".join(names)))
                visit(child, inner)

        visit(ast.parse(file.read_text(encoding="utf-8")), ())
    return found


def test_each_limit_has_a_test() -> None:
    named = {(module, name) for module, rows in REACHED.items() for name in rows}
    places = refusing()
    missing = {place for place in places if not any(is_named(place, row) for row in named)}
    assert not missing, "write a test that reaches the limit, and its row above"
    assert not {row for row in named if not any(is_named(place, row) for place in places)}
    for rows in REACHED.values():
        for file, test in rows.values():
            assert f"def {test}(" in (HERE / file).read_text(encoding="utf-8"), test


def is_named(place: tuple[str, str], row: tuple[str, str]) -> bool:
    return place[0] == row[0] and f".{place[1]}".endswith(f".{row[1]}")


# ------------------------------------------------------------------------------------ limits that no other file reaches


def test_too_many_columns_of_values_are_refused() -> None:
    columns = [(str(number), pa.int8()) for number in range(MAX_COLUMNS + 1)]
    with pytest.raises(LimitReached, match=f"{MAX_COLUMNS + 1} columns"):
        check_schema(pa.schema(columns), nested=False)
    check_schema(pa.schema(columns[1:]), nested=False)


def test_codes_stand_for_only_so_many_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    codes = pa.DictionaryArray.from_arrays(pa.array([0, 0], pa.int32()), ["x" * 100])
    assert entities._decoded(codes) == ["x" * 100] * 2  # noqa: SLF001  # attacks end at an earlier limit
    monkeypatch.setattr(entities, "MAX_BYTES", 199)
    with pytest.raises(QueryTooDeep, match="stands for more than"):
        entities._decoded(codes)  # noqa: SLF001  # as above


async def test_a_message_with_too_many_elements_is_refused(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "MAX_STEPS", QUICK_STEPS)
    server = RpcServer(engine, "0", embedded=False, transaction_limits=TransactionLimits())
    address = server.listen(private_address())
    await server.start()
    table = relation_pb2.TableOperand(name=schema_pb2.TableName(schema="lab", table="Session"))
    nodes = [relation_pb2.RelationNode(table=table)] * QUICK_STEPS
    request = query_service_pb2.CountRelationRequest(relation=relation_pb2.Relation(nodes=nodes))
    async with grpc.aio.insecure_channel(address) as channel:
        count: Any = channel.unary_unary("/levada_api.v1.QueryService/CountRelation")  # grpc's class wants messages
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await count(request.SerializeToString())
    await server.stop(0.1)
    assert limit_of(refused.value) == ("RESOURCE_EXHAUSTED", "elements", str(QUICK_STEPS))


async def test_too_many_reads_of_jobs_are_refused(engine: Engine) -> None:
    anything: Any = object()  # they are counted before they are looked at
    for leases, reads in ((1, MAX_READS + 1), (MAX_ANSWERS // MAX_READS + 1, MAX_READS)):
        with pytest.raises(LimitReached, match=f"{MAX_READS} reads"):
            await prefetch(engine, ME, [anything] * leases, [anything] * reads)


async def test_a_transaction_has_only_so_many_savepoints(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transactions, "MAX_SAVEPOINTS", 1)
    async with Transactions(engine.scope.outside) as session:
        await session.begin("read_committed", read_only=False)
        await session.savepoint("first")
        with pytest.raises(LimitReached, match="at most 1 savepoints"):
            await session.savepoint("second")
        await session.roll_back()


def test_a_full_store_is_named(tmp_path: Path) -> None:
    store = FolderStore("raw", tmp_path)
    with pytest.raises(LimitReached, match="The store `raw` is full"), store._writing():  # noqa: SLF001  # a full disk needs root
        raise OSError(errno.ENOSPC, "No space left on device")

"""The answer to a change is cut off: the client repeats it under its id, and it has one effect."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

import levada as lv
from levada_api.v1 import row_service_pb2, schema_pb2, value_pb2
from levada_api.v1 import schema_service_pb2 as pb
from tests.support.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from google.protobuf.message import Message

    from levada_api.methods import MethodName


WAIT_S = 30.0


@pytest.fixture
def behind(server_address: str) -> Iterator[Proxy]:
    """A proxy before the server of the test."""
    with Proxy([server_address]) as opened:
        yield opened


@pytest.fixture
def far(behind: Proxy, lab: lv.VirtualModule) -> Iterator[lv.VirtualModule]:
    """The pipeline as seen by a client whose connection can be cut."""
    with lv.Connection(behind.address) as connection:
        module = lv.VirtualModule("far", "lab", connection=connection)
        assert len(module.Subject()) == 3
        assert module.Subject.heading
        assert module.Session.heading
        yield module


def cut_off(behind: Proxy, change: Callable[[], object], done: Callable[[], bool]) -> object:
    """Make a change whose answer is cut off as soon as the change is there; return the client's final answer."""
    behind.withhold()
    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(change)
        deadline = time.monotonic() + WAIT_S
        while not done():
            assert time.monotonic() < deadline
        behind.cut()
        return answer.result(WAIT_S)


def test_rows_are_inserted_once(behind: Proxy, lab: lv.VirtualModule, far: lv.VirtualModule) -> None:
    cut_off(behind, lambda: far.Subject.insert1({"subject_id": 10}), lambda: len(lab.Subject()) == 4)
    many = [{"subject_id": i} for i in range(100, 800)]
    cut_off(behind, lambda: far.Subject.insert(many), lambda: len(lab.Subject()) == 704)
    cut_off(
        behind,
        lambda: far.Subject.insert([{"subject_id": 900}], skip_duplicates=True),
        lambda: len(lab.Subject()) == 705,
    )
    assert len(lab.Subject()) == 705
    with pytest.raises(lv.errors.DuplicateError):
        far.Subject.insert1({"subject_id": 10})


def test_a_repeat_does_not_undo_what_came_after(behind: Proxy, lab: lv.VirtualModule, far: lv.VirtualModule) -> None:
    behind.withhold()
    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(far.Subject.insert, [{"subject_id": 1, "name": "Eve"}], replace=True)
        while (lab.Subject & {"subject_id": 1}).fetch1("name") != "Eve":
            pass
        lab.Subject.update1({"subject_id": 1, "name": "Zoe"})
        behind.cut()
        answer.result(WAIT_S)
    assert (lab.Subject & {"subject_id": 1}).fetch1("name") == "Zoe"


def test_a_query_is_inserted_once(behind: Proxy, lab: lv.VirtualModule, far: lv.VirtualModule) -> None:
    @lab.schema
    class Tag(lv.Manual):
        definition = """
        tag : int64 auto_increment
        ---
        subject_id : int32
        """

    tag = lv.FreeTable(far.Subject.connection, "lab.Tag")
    query = lv.U("subject_id") & far.Session
    cut_off(behind, lambda: tag.insert(query), lambda: bool(Tag()))
    assert len(Tag()) == 2


def test_one_entity_is_updated_once(behind: Proxy, lab: lv.VirtualModule, far: lv.VirtualModule) -> None:
    one = lab.Subject & {"subject_id": 1}
    cut_off(behind, lambda: far.Subject.update1({"subject_id": 1, "weight": 30}), lambda: one.fetch1("weight") == 30.0)
    with pytest.raises(lv.errors.NotFound):
        far.Subject.update1({"subject_id": 77, "weight": 30})


def test_a_delete_tells_what_it_took(behind: Proxy, lab: lv.VirtualModule, far: lv.VirtualModule) -> None:
    some = far.Subject & {"subject_id": [1, 2]}
    assert cut_off(behind, lambda: some.delete(prompt=False), lambda: len(lab.Subject()) == 1) == 2


def test_schemas_and_tables_change_once(behind: Proxy, lab: lv.VirtualModule, far: lv.VirtualModule) -> None:
    here, there = lab.schema.connection, far.Subject.connection
    room = schema_pb2.TableName(schema="atlas", table="Room")

    def ask(method: MethodName, request: Message, response: type[Message], done: Callable[[], bool]) -> Any:  # noqa: ANN401
        def change() -> Message:
            answer: Message = there.call(method, request, response)
            return answer

        return cut_off(behind, change, done)

    created = ask(
        "SchemaService/CreateSchema",
        pb.CreateSchemaRequest(name="maps", request_id="create"),
        pb.CreateSchemaResponse,
        lambda: "maps" in lv.list_schemas(here),
    )
    assert created.created
    renamed = ask(
        "SchemaService/RenameSchema",
        pb.RenameSchemaRequest(name="maps", new_name="atlas", request_id="rename"),
        pb.RenameSchemaResponse,
        lambda: "atlas" in lv.list_schemas(here),
    )
    assert renamed.schema.name == "atlas"
    tier, definition = schema_pb2.TABLE_TIER_MANUAL, "room : int32\n"
    declared = ask(
        "SchemaService/DeclareTable",
        pb.DeclareTableRequest(name=room, tier=tier, definition=definition, request_id="declare"),
        pb.DeclareTableResponse,
        lambda: "Room" in lv.Schema("atlas", connection=here),
    )
    assert not declared.differences
    altered = ask(
        "SchemaService/AlterTable",
        pb.AlterTableRequest(name=room, definition=f"{definition}---\nfloor = 0 : int32\n", request_id="alter"),
        pb.AlterTableResponse,
        lambda: "floor" in lv.Schema("atlas", connection=here).save(),
    )
    assert "floor" in altered.table.definition
    dropped = ask(
        "SchemaService/DropTables",
        pb.DropTablesRequest(names=[room], request_id="drop"),
        pb.DropTablesResponse,
        lambda: "Room" not in lv.Schema("atlas", connection=here),
    )
    assert list(dropped.names) == [room]
    gone = ask(
        "SchemaService/DropSchema",
        pb.DropSchemaRequest(name="atlas", request_id="drop-schema"),
        pb.DropSchemaResponse,
        lambda: "atlas" not in lv.list_schemas(here),
    )
    assert gone.table_count == 0


def test_what_changes_nothing_more_is_repeated_without_an_id(
    behind: Proxy, lab: lv.VirtualModule, far: lv.VirtualModule
) -> None:
    def change() -> None:
        far.schema.make_contract = "off"

    assert lab.schema.make_contract != "off"
    cut_off(behind, change, lambda: lab.schema.make_contract == "off")


def test_a_commit_is_confirmed(behind: Proxy, lab: lv.VirtualModule, far: lv.VirtualModule) -> None:
    def change() -> None:
        with far.schema.transaction:
            far.Subject.insert1({"subject_id": 10})
            behind.withhold()

    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(change)
        while len(lab.Subject()) < 4:
            pass
        behind.cut()
        answer.result(WAIT_S)
    assert len(lab.Subject()) == 4


def test_a_transaction_that_was_lost_before_its_commit_is_told(
    behind: Proxy, lab: lv.VirtualModule, far: lv.VirtualModule
) -> None:
    kept = "nothing of the transaction is kept"
    with pytest.raises(lv.errors.LostConnectionError, match=kept), far.schema.transaction:
        far.Subject.insert1({"subject_id": 10})
        behind.cut()
    assert len(lab.Subject()) == 3


def test_an_id_stands_for_one_method_and_one_content(lab: lv.VirtualModule) -> None:
    connection, ann = lab.schema.connection, lab.Subject & {"subject_id": 1}

    def weigh(weight: float, request_id: str) -> None:
        values = {"subject_id": value_pb2.Value(integer=1), "weight": value_pb2.Value(float=weight)}
        row = [value_pb2.AttributeValue(name=name, value=value) for name, value in values.items()]
        subject = schema_pb2.TableName(schema="lab", table="Subject")
        request = row_service_pb2.UpdateRowRequest(name=subject, row=row, request_id=request_id)
        connection.call("RowService/UpdateRow", request, row_service_pb2.UpdateRowResponse)

    weigh(30.0, "one-and-the-same")
    weigh(30.0, "one-and-the-same")  # the answer of the first
    with pytest.raises(lv.errors.InvalidRequest, match="was used with other content before"):
        weigh(40.0, "one-and-the-same")
    assert ann.fetch1("weight") == 30.0
    with pytest.raises(lv.errors.InvalidRequest, match="was used for UpdateRow before"):
        connection.call(
            "SchemaService/CreateSchema",
            pb.CreateSchemaRequest(name="other", request_id="one-and-the-same"),
            pb.CreateSchemaResponse,
        )
    with pytest.raises(lv.errors.InvalidRequest, match="letters, digits"):
        weigh(50.0, "no such id!")

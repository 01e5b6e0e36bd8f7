"""Blocks that do not wait for each change: order, errors that come late, blocks within blocks, threads, lost links."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

import levada as lv
from levada._net import transaction
from levada._net.transport import Stream
from levada_server.rpc import server_service
from tests.support.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TESTS = ("levada._net.transaction", "levada._net.transport")


@pytest.fixture
def other(server_address: str, lab: lv.VirtualModule) -> Iterator[lv.FreeTable]:
    """The table of subjects as another client sees it."""
    with lv.Connection(server_address) as connection:
        yield lv.FreeTable(connection, "lab.Subject")


def ids(table: lv.Relation) -> list[int]:
    found: list[int] = table.to_arrays("subject_id", order_by="KEY").tolist()
    return found


def test_changes_are_made_in_order_and_a_read_waits_for_all(lab: lv.VirtualModule, other: lv.FreeTable) -> None:
    with lab.schema.transaction(pipelined=True):
        for number in range(10, 700):  # more than are sent before one is waited for
            lab.Subject.insert1({"subject_id": number})
            lab.Subject.update1({"subject_id": number, "name": f"name {number}"})
            lab.Session.insert1((number, 1, "2026-02-01"))
        assert len(lab.Subject()) == 693
        assert (lab.Subject & {"subject_id": 699}).fetch1("name") == "name 699"
        lab.Subject.insert([{"subject_id": number} for number in range(700, 30_000)])
        lab.Subject.insert1({"subject_id": 50_000})
        assert len(other) == 3
    assert len(other) == 29_994
    assert len(lab.Session & "session = 1 AND subject_id >= 10") == 690


@pytest.mark.parametrize("wrong", [0, 1, 30, 254, 255, 256, 299])
def test_the_error_of_one_names_it_and_undoes_the_block(lab: lv.VirtualModule, wrong: int) -> None:
    with pytest.raises(lv.errors.DuplicateError) as caught, lab.schema.transaction(pipelined=True):
        for number in range(300):
            lab.Subject.insert1({"subject_id": 2 if number == wrong else 100 + number})
    assert "subject_id" in str(caught.value)
    assert "2" in caught.value.details["key"]
    if wrong % transaction.AHEAD != transaction.AHEAD - 1:  # this one is waited for
        assert f"{__file__}:" in str(caught.value)
        assert caught.value.details["position"] == str(wrong % transaction.AHEAD + 1)
    assert ids(lab.Subject()) == [1, 2, 3]


def test_an_error_comes_with_the_next_read(lab: lv.VirtualModule) -> None:
    reads: list[Callable[[], object]] = [
        lambda: len(lab.Subject()),
        lambda: (lab.Subject & {"subject_id": 1}).fetch1(),
        lambda: lab.Subject.to_dicts(),
        lambda: bool(lab.Subject()),
        lambda: (lab.Subject & {"subject_id": 1}).delete(prompt=False),
        lambda: lab.Session.insert((lab.Subject & "subject_id = 1").proj(), ignore_extra_fields=True),
        lambda: lab.schema.transaction().__enter__(),
    ]
    for read in reads:
        reached = []
        with pytest.raises(lv.errors.MissingParent), lab.schema.transaction(pipelined=True):
            lab.Session.insert1((77, 1, "2026-02-01"))
            reached.append(1)
            read()
            reached.append(2)
        assert reached == [1]
    assert ids(lab.Subject()) == [1, 2, 3]


def test_a_caught_error_comes_again_until_the_block_is_undone(lab: lv.VirtualModule) -> None:
    with pytest.raises(lv.errors.DuplicateError), lab.schema.transaction(pipelined=True):
        lab.Subject.insert1({"subject_id": 4})
        lab.Subject.insert1({"subject_id": 1})
        with pytest.raises(lv.errors.DuplicateError, match="change 2"):
            len(lab.Subject())
        lab.Subject.insert1({"subject_id": 5})
        with pytest.raises(lv.errors.DuplicateError, match="change 2"):
            len(lab.Subject())
    assert ids(lab.Subject()) == [1, 2, 3]
    with lab.schema.transaction(pipelined=True):
        lab.Subject.insert1({"subject_id": 4})
    assert ids(lab.Subject()) == [1, 2, 3, 4]


def test_an_error_of_a_read_leaves_the_block_usable(lab: lv.VirtualModule) -> None:
    with lab.schema.transaction(pipelined=True):
        lab.Subject.insert1({"subject_id": 4})
        with pytest.raises(lv.LevadaError):
            len(lab.Subject & "nothing = 1")
        lab.Subject.insert1({"subject_id": 5})
    assert ids(lab.Subject()) == [1, 2, 3, 4, 5]
    with pytest.raises(lv.errors.DuplicateError, match="change 1 "), lab.schema.transaction(pipelined=True):
        lab.Subject.insert1({"subject_id": 6})
        with pytest.raises(lv.LevadaError):
            len(lab.Subject & "nothing = 1")
        lab.Subject.insert1({"subject_id": 5})


def test_an_inner_block_fails_alone(lab: lv.VirtualModule) -> None:
    with lab.schema.transaction(pipelined=True):
        lab.Subject.insert1({"subject_id": 4})
        with pytest.raises(lv.errors.DuplicateError), lab.schema.transaction(pipelined=True):
            lab.Subject.insert1({"subject_id": 5})
            lab.Subject.insert1({"subject_id": 1})
        lab.Subject.insert1({"subject_id": 6})
        with pytest.raises(ZeroDivisionError), lab.schema.transaction(pipelined=True):
            lab.Subject.insert1({"subject_id": 1})
            _ = 1 / 0  # what was sent is undone, so its error does not matter
        assert ids(lab.Subject()) == [1, 2, 3, 4, 6]
        with lab.schema.transaction(pipelined=True):
            lab.Subject.insert1({"subject_id": 7})
    assert ids(lab.Subject()) == [1, 2, 3, 4, 6, 7]


def test_a_plain_block_within_waits_for_each_change(lab: lv.VirtualModule) -> None:
    with lab.schema.transaction(pipelined=True):
        lab.Subject.insert1({"subject_id": 4})
        with lab.schema.transaction():
            with pytest.raises(lv.errors.DuplicateError):
                lab.Subject.insert1({"subject_id": 1})
            lab.Subject.insert1({"subject_id": 5})
    with lab.schema.transaction():
        with pytest.raises(lv.errors.DuplicateError):
            lab.Subject.insert1({"subject_id": 1})
        with lab.schema.transaction(pipelined=True):
            lab.Subject.insert1({"subject_id": 6})
        with pytest.raises(lv.errors.DuplicateError):
            lab.Subject.insert1({"subject_id": 6})
    assert ids(lab.Subject()) == [1, 2, 3, 4, 5, 6]


def test_threads_have_their_own(lab: lv.VirtualModule) -> None:
    barrier = threading.Barrier(4)

    def work(first: int) -> str:
        wrong = first == 2000
        try:
            with lab.schema.transaction(pipelined=True):
                barrier.wait(30)
                for number in range(200):
                    lab.Subject.insert1({"subject_id": 1 if wrong and number == 150 else first + number})
        except lv.errors.DuplicateError as error:
            return error.details["position"]
        return "kept"

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(work, [1000, 2000, 3000, 4000]))
    assert outcomes == ["kept", "151", "kept", "kept"]
    assert len(lab.Subject()) == 603


def test_a_cut_link_undoes_it_and_is_told(server_address: str, lab: lv.VirtualModule) -> None:
    with Proxy([server_address]) as proxy, lv.Connection(proxy.address) as connection:
        table = lv.FreeTable(connection, "lab.Subject")
        with pytest.raises(lv.errors.LostConnectionError), connection.transaction(pipelined=True):
            for number in range(10, 5000):
                table.insert1({"subject_id": number})
                if number == 100:
                    proxy.cut()
        with pytest.raises(lv.errors.LostConnectionError), connection.transaction(pipelined=True):
            table.insert1({"subject_id": 10})
            proxy.cut()
        assert ids(table) == [1, 2, 3]


def test_a_caller_is_interrupted_without_mixing_up_answers(lab: lv.VirtualModule) -> None:
    def rows() -> Iterator[dict[str, int]]:
        yield {"subject_id": 8}
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), lab.schema.transaction(pipelined=True):
        lab.Subject.insert1({"subject_id": 4})
        lab.Subject.insert(rows())
    assert ids(lab.Subject()) == [1, 2, 3]


def test_it_takes_no_trip_for_each_change(lab: lv.VirtualModule, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = []
    receive = Stream.receive

    def counted(self: Stream[Any]) -> object:  # Any: some message
        answers.append(1)
        return receive(self)

    monkeypatch.setattr(Stream, "receive", counted)
    with lab.schema.transaction(pipelined=True):
        for number in range(10, 210):
            lab.Subject.insert1({"subject_id": number})
    assert len(answers) == 2  # to begin, and to commit


def test_a_server_that_cannot_is_asked_one_by_one(
    server_address: str, lab: lv.VirtualModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_service, "FEATURES", ())
    with lv.Connection(server_address) as connection:
        table = lv.FreeTable(connection, "lab.Subject")
        with connection.transaction(pipelined=True):
            table.insert1({"subject_id": 4})
            with pytest.raises(lv.errors.DuplicateError):
                table.insert1({"subject_id": 1})
    assert ids(lab.Subject()) == [1, 2, 3, 4]


def test_a_make_may_use_it(lab: lv.VirtualModule) -> None:
    schema = lab.schema

    @schema
    class Score(lv.Computed):
        definition = """
        -> Subject
        ---
        score : int32
        """
        make_contract = "off"

        def make(self, key: dict[str, int]) -> None:
            with schema.transaction(pipelined=True):
                for number in range(5):
                    lab.Subject.insert1(
                        {"subject_id": 1 if key["subject_id"] == 2 else 1000 * key["subject_id"] + number}
                    )
            self.insert1({**key, "score": 1})

    errors = Score.populate("subject_id < 10", suppress_errors=True)
    assert ids(Score()) == [1, 3]
    assert ids(lab.Subject & "subject_id > 3") == [*range(1000, 1005), *range(3000, 3005)]
    assert errors


@pytest.mark.parametrize("seed", range(8))
def test_random_blocks_end_as_those_that_wait(lab: lv.VirtualModule, seed: int) -> None:
    """Whatever is kept of a plain run that lets every error undo its block is kept of a pipelined one."""
    draw = random.Random(seed)
    program = _drawn(draw, 3)
    kept = []
    for pipelined in (False, True):
        lab.Subject.delete(prompt=False)
        lab.Subject.insert({"subject_id": number} for number in range(5))
        _run(lab, program, pipelined=pipelined)
        kept.append(ids(lab.Subject()))
    assert kept[0] == kept[1], program


def _drawn(draw: random.Random, depth: int) -> list[object]:
    """Draw a block: numbers to insert, "read", and blocks within."""
    steps: list[object] = []
    for _ in range(draw.randrange(1, 6)):
        kind = draw.random()
        if kind < 0.25 and depth:
            steps.append(_drawn(draw, depth - 1))
        else:
            steps.append("read" if kind < 0.4 else draw.randrange(40))
    return steps


def _run(lab: lv.VirtualModule, steps: list[object], *, pipelined: bool) -> None:
    """Run a block; an error of it undoes it alone."""
    try:
        with lab.schema.transaction(pipelined=pipelined):
            for step in steps:
                if isinstance(step, list):
                    _run(lab, step, pipelined=pipelined)
                elif step == "read":
                    len(lab.Subject())
                else:
                    lab.Subject.insert1({"subject_id": step})
    except lv.errors.DuplicateError:
        pass

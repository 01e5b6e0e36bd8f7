"""Transactions: the requests of one thread over one stream, which the server runs in one transaction."""

from __future__ import annotations

import os
import threading
from collections import deque
from contextlib import contextmanager, suppress
from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from uuid import uuid4

from levada._base.errors import (
    Cancelled,
    Conflict,
    DeadlineExceeded,
    Internal,
    InvalidRequest,
    LevadaError,
    OutcomeUnknown,
    PreconditionFailed,
    ThreadSafetyError,
    Unavailable,
    error_from_status,
)
from levada._base.user_code import user_location
from levada._net.backoff import Backoff, wait
from levada._net.job_context import job_of
from levada_api.methods import METHODS
from levada_api.v1 import session_service_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType

    from google.protobuf.message import Message

    from levada._net.transport import Stream, Transport
    from levada_api.methods import MethodName
    from levada_api.v1 import job_service_pb2

_Connection = TypeVar("_Connection")
_Result = TypeVar("_Result")

ATTEMPTS = 5
"""How often `run_transaction` runs a function that keeps meeting conflicts, or whose server is lost."""
AHEAD = 256
"""How many changes a pipelined block makes per answer, so that it does not go on for long after one failed."""
CONFIRM_SECONDS = 10.0
"""How long to ask a server whether a commit was done."""
_CONFIRM = Backoff(first_seconds=0.02, longest_seconds=1.0)
_CONFLICT = Backoff(first_seconds=0.04, jitter=True)
"""Two transactions in conflict draw their pauses at random, so that one goes first."""

_ISOLATIONS = {
    None: pb.ISOLATION_UNSPECIFIED,
    "read_committed": pb.ISOLATION_READ_COMMITTED,
    "repeatable_read": pb.ISOLATION_REPEATABLE_READ,
    "serializable": pb.ISOLATION_SERIALIZABLE,
}


class Transaction:
    """One transaction; it is open until it is committed or rolled back, or its stream is lost.

    Args:
        reopen: Returns a fresh stream; the transaction closes it.
        begin: The message that begins it.
        in_block: Whether a `with` block opened it; then only that block may end it.

    Attributes:
        pipelined: For each open block, whether its inserts and updates are sent without waiting for their outcome.

    Raises:
        LevadaError: The server refuses to begin it.
    """

    def __init__(
        self,
        reopen: Callable[[], Stream[pb.OpenSessionResponse]],
        begin: pb.Begin,
        *,
        in_block: bool,
    ) -> None:
        self.in_block = in_block
        self.savepoints: list[str] = []
        self.pipelined = [False]
        self._ahead: list[str] = []
        self._reopen = reopen
        self._read_only = begin.read_only
        self._stream = reopen()
        self._pid = os.getpid()
        self._reading: _Pieces | None = None
        self._over: LevadaError | None = None
        try:
            self._ask(pb.OpenSessionRequest(begin=begin))
        except BaseException:
            self._stream.cancel()
            raise

    @property
    def is_of_this_process(self) -> bool:
        """Whether this process opened it, and not the process that this one was forked from."""
        return self._pid == os.getpid()

    def call(self, method: MethodName, request: Message, timeout: float | None) -> Any:  # noqa: ANN401  # the method's answer
        """Send a request with one answer."""
        message = _request(method, request)
        if timeout is not None:
            message.timeout.FromNanoseconds(int(timeout * 1e9))
        if method == "RowService/UpdateRow" and self._goes_ahead():
            return self._tell(message).update_row
        return getattr(self._ask(message), METHODS[method].session_field)

    def send(self, method: MethodName, requests: Iterable[Message]) -> Any:  # noqa: ANN401  # the method's answer
        """Send a request of several messages."""
        # The rows may come from queries in this transaction, so collect them all before sending the first.
        messages = [_request(method, request) for request in requests]
        for message in messages[:-1]:
            message.more = True
        if method == "RowService/InsertRows" and self._goes_ahead():
            return self._tell(*messages).insert_rows
        return getattr(self._ask(*messages), METHODS[method].session_field)

    def receive(self, method: MethodName, request: Message) -> Iterator[Any]:  # Any: the method's answers
        """Send a request with many answers. Other requests may come before the last answer is read."""
        self._begin_request()
        with self._watched():
            self._stream.send(_request(method, request))
        self._reading = pieces = _Pieces(self._read)
        try:
            for piece in pieces:
                yield getattr(piece, METHODS[method].session_field)
        finally:
            pieces.wanted = False

    def mark(self) -> None:
        """Set a savepoint."""
        name = f"levada_{len(self.savepoints)}"
        self._ask(pb.OpenSessionRequest(savepoint=pb.Savepoint(name=name)))
        self.savepoints.append(name)

    def release(self) -> None:
        """Forget the last savepoint, and keep all changes since.

        Raises:
            LevadaError: One of these changes, sent without waiting, has failed; all of them are undone.
        """
        try:
            self._ask(pb.OpenSessionRequest(commit=pb.Commit(savepoint=self.savepoints[-1])))
        except LevadaError:
            self.return_to_mark()
            raise
        self.savepoints.pop()

    def return_to_mark(self) -> None:
        """Undo all changes since the last savepoint. If that fails, the whole transaction is over."""
        name = self.savepoints.pop()
        if self._over is not None:
            return
        self._drop_answers()
        try:
            self._ask(pb.OpenSessionRequest(roll_back=pb.RollBack(savepoint=name)))
            self._ask(pb.OpenSessionRequest(commit=pb.Commit(savepoint=name)))
        except LevadaError as error:
            self._end(error)

    def commit(self) -> None:
        """Commit.

        Raises:
            Conflict: A concurrent transaction got in the way; nothing is kept.
            Unavailable: The server was lost before the commit; nothing is kept.
            OutcomeUnknown: The server was lost during the commit, and no server says whether it was done.
        """
        self._begin_request()
        asked = pb.OpenSessionRequest(commit=pb.Commit(request_id=uuid4().hex))
        try:
            self._ask(asked)
            self._stream.finish()
        except (Cancelled, DeadlineExceeded, Internal, OutcomeUnknown, Unavailable) as error:
            if "position" in error.details:  # of an earlier change, so there was no commit
                raise
            self._confirm(asked, error)
        finally:
            self._end(PreconditionFailed("It has ended."))

    def complete_job(self, header: job_service_pb2.JobHeader) -> bool:
        """Complete the job whose rows this transaction wrote; return whether it inserted nothing."""
        return self._ask(pb.OpenSessionRequest(complete_job=header)).complete_job.unready

    def _confirm(self, asked: pb.OpenSessionRequest, lost: LevadaError) -> None:
        """Ask a server, this one or another, whether the commit was done."""
        if self._read_only:
            return
        pauses = _CONFIRM.pauses(CONFIRM_SECONDS)
        while True:
            answer = self._ask_anew(asked)
            if answer is not None and not answer.HasField("error"):
                return
            if answer is not None and isinstance(error_from_status(answer.error), PreconditionFailed):
                raise Unavailable(f"The server was lost before the commit; nothing of the transaction is kept. {lost}")
            wait(pauses, OutcomeUnknown(f"The server was lost during commit; look before you repeat. {lost}"))

    def _ask_anew(self, asked: pb.OpenSessionRequest) -> pb.OpenSessionResponse | None:
        """Ask in a separate session; return None if no server answers."""
        stream: Stream[pb.OpenSessionResponse] | None = None
        try:
            stream = self._reopen()
            stream.send(asked)
            return stream.receive()
        except LevadaError:
            return None
        finally:
            if stream is not None:
                stream.cancel()

    def roll_back(self) -> None:
        """Undo everything. A transaction that is over is undone already."""
        if self._over is not None:
            return
        self._drop_answers()
        # If this fails, the end of the stream does the same.
        with suppress(LevadaError):
            self._ask(pb.OpenSessionRequest(roll_back=pb.RollBack()))
        self._end(PreconditionFailed("It was rolled back."))

    def _ask(self, *messages: pb.OpenSessionRequest) -> pb.OpenSessionResponse:
        """Send the messages of one request and return its answer."""
        self._begin_request()
        self._send(messages)
        return self._read()

    def _send(self, messages: Iterable[pb.OpenSessionRequest]) -> bool:
        """Send messages; return False if the stream has ended, and `_read` raises why."""
        with self._watched():
            return all(map(self._stream.send, messages))

    def _goes_ahead(self) -> bool:
        """Return whether the next change is sent without waiting: the block is pipelined, and not too many wait."""
        return self.pipelined[-1] and len(self._ahead) % AHEAD < AHEAD - 1

    def _tell(self, *messages: pb.OpenSessionRequest) -> pb.OpenSessionResponse:
        """Send the messages of one change without waiting for its outcome; return an empty answer."""
        self._begin_request()
        messages[0].unanswered = True
        self._ahead.append(user_location())
        if not self._send(messages):
            self._read()
        return pb.OpenSessionResponse()

    def _begin_request(self) -> None:
        """Read the remaining answers of earlier requests, so that the next answer belongs to the next request."""
        self._check()
        pieces, self._reading = self._reading, None
        if pieces is not None and not pieces.ended:
            if not pieces.wanted:
                with self._watched():
                    self._stream.send(pb.OpenSessionRequest(cancel=pb.Cancel()))
            pieces.read_rest()
            self._check()

    def _check(self) -> None:
        if self._over is not None:
            raise type(self._over)(f"The transaction is over. {self._over}", self._over.details)

    def _drop_answers(self) -> None:
        if self._reading is not None:
            self._reading.wanted = False

    def _read(self) -> pb.OpenSessionResponse:
        self._check()
        with self._watched():
            answer = self._stream.receive()
        if (position := answer.unanswered_position) == 0:
            self._ahead.clear()
        if answer.HasField("error"):
            error = error_from_status(answer.error)
            raise error if position == 0 else self._late(error, position)
        return answer

    def _late(self, error: LevadaError, position: int) -> LevadaError:
        """Return the error of a change that was sent without waiting; it comes again until the block is undone."""
        late = type(error)(
            f"{error} This is change {position} since the last answer, at {self._ahead[position - 1]}: a pipelined "
            "block does not wait for each, and is undone as a whole.",
            {**error.details, "position": position},
        )
        late.call_id = error.call_id
        return late

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """End the transaction because the stream is lost, or because it is unclear which answer comes next."""
        try:
            yield
        except LevadaError as error:
            self._end(error)
            raise
        except BaseException:
            self._end(Cancelled("A request was interrupted, and nothing of the transaction is kept."))
            raise

    def _end(self, error: LevadaError) -> None:
        self._over = self._over or error
        self._stream.cancel()


class _Pieces:
    """The answers to one request, read on demand or when another request is sent.

    Attributes:
        wanted: Whether somebody may still ask for them.
        ended: Whether the last one has been read.
    """

    def __init__(self, read: Callable[[], pb.OpenSessionResponse]) -> None:
        self.wanted = True
        self.ended = False
        self._read = read
        self._waiting: deque[pb.OpenSessionResponse] = deque()
        self._error: LevadaError | None = None

    def __iter__(self) -> Iterator[pb.OpenSessionResponse]:
        while True:
            if not self._waiting and not self.ended:
                self._read_one()
            if self._waiting:
                yield self._waiting.popleft()
            elif self._error is not None:
                raise self._error
            elif self.ended:
                return

    def read_rest(self) -> None:
        """Read the remaining answers, and keep them if they are wanted."""
        while not self.ended:
            self._read_one()

    def _read_one(self) -> None:
        try:
            piece = self._read()
        except LevadaError as error:
            self.ended, self._error = True, error
            return
        self.ended = not piece.more
        if self.wanted and piece.HasField("fetch_relation"):
            self._waiting.append(piece)


class Transactions:
    """The transactions of a connection, at most one for each thread.

    Attributes:
        may_pipeline: Whether the server takes requests without answering them.
    """

    def __init__(self, transport: Transport) -> None:
        self.may_pipeline = False
        self._transport = transport
        self._local = threading.local()

    @property
    def current(self) -> Transaction | None:
        """The transaction of this thread.

        Raises:
            ThreadSafetyError: The transaction belongs to the process that this one was forked from.
        """
        transaction: Transaction | None = getattr(self._local, "transaction", None)
        if transaction is not None and not transaction.is_of_this_process:
            raise ThreadSafetyError(
                "A transaction is open in the process that this one was forked from, and cannot be shared: "
                "start processes outside the transaction."
            )
        return transaction

    def serving(self, method: MethodName) -> Transaction | None:
        """Return the transaction that serves a method; None if the method is called outside any.

        Raises:
            PreconditionFailed: A transaction is open, and the method cannot be part of it.
        """
        transaction = self.current
        if transaction is None or METHODS[method].session_field:
            return transaction
        if method.startswith("ObjectService/"):  # it only uploads bytes, which a row of the transaction then names
            return None
        if not METHODS[method].reads:
            what = (
                "Jobs are not part of transactions, and populate opens its own"
                if method.startswith("JobService")
                else "Declaring, altering and dropping schemas and tables are not part of transactions"
            )
            raise PreconditionFailed(f"{what}: do it before or after the transaction ({method.partition('/')[2]}).")
        return None

    def begin(self, isolation: str | None, *, read_only: bool, in_block: bool, lease_token: str = "") -> Transaction:
        """Begin the transaction of this thread; wait for a server that is out of reach, as a call does."""
        begin = pb.Begin(isolation=_isolation(isolation), read_only=read_only, lease_token=lease_token)

        def reopen() -> Stream[pb.OpenSessionResponse]:
            return self._transport.open_stream("SessionService/OpenSession", pb.OpenSessionResponse)

        self._local.transaction = self._transport.until_back(lambda: Transaction(reopen, begin, in_block=in_block))
        return self._local.transaction  # type: ignore[no-any-return]  # a thread's attributes have no types

    def forget(self) -> None:
        """Record that the transaction of this thread has ended."""
        self._local.transaction = None


class TransactionBlock(Generic[_Connection]):
    """A `with` block that is kept whole or not at all; a block inside another can be undone alone.

    An exception undoes the block and propagates. Use it with or without a call: `with connection.transaction:`,
    `with connection.transaction(isolation="serializable"):`.
    """

    def __init__(
        self,
        connection: _Connection,
        transactions: Transactions,
        isolation: str | None = None,
        *,
        read_only: bool = False,
        pipelined: bool = False,
    ) -> None:
        self._connection = connection
        self._transactions = transactions
        self._isolation = isolation
        self._read_only = read_only
        self._pipelined = pipelined

    def __call__(
        self, *, isolation: str | None = None, read_only: bool = False, pipelined: bool = False
    ) -> TransactionBlock[_Connection]:
        """Choose how the block sees changes of others, and whether it waits for each of its own.

        Args:
            isolation: With `"repeatable_read"`, the default, all statements see one moment. With `"read_committed"`,
                each statement sees all changes committed before it. With `"serializable"`, transactions act as if they
                ran one after the other.
            read_only: Refuse changes.
            pipelined: Send inserts and updates without waiting for their outcome. The error of one is raised by a later
                call of the block or by its end, and then the whole block is undone, even if the error is caught inside.
        """
        return TransactionBlock(
            self._connection, self._transactions, isolation, read_only=read_only, pipelined=pipelined
        )

    def __enter__(self) -> _Connection:
        if self._transactions.current is None and (job := job_of(self._connection)) is not None:
            job.open_block()
        transaction = self._transactions.current
        if transaction is None:
            transaction = self._transactions.begin(self._isolation, read_only=self._read_only, in_block=True)
        elif self._isolation is not None or self._read_only:
            raise InvalidRequest("A block within a transaction has the isolation of the transaction.")
        else:
            transaction.mark()
        transaction.pipelined.append(self._pipelined and self._transactions.may_pipeline)
        return self._connection

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        transaction = self._transactions.current
        assert transaction is not None, "only this block ends what it began"
        transaction.pipelined.pop()
        if transaction.savepoints:
            transaction.release() if kind is None else transaction.return_to_mark()
            return
        self._transactions.forget()
        transaction.commit() if kind is None else transaction.roll_back()


def run_transaction(
    block: TransactionBlock[Any], function: Callable[[], _Result], attempts: int, *, nested: bool
) -> _Result:
    """Run a function in a block; repeat it if a concurrent transaction got in its way, or its server was lost.

    Args:
        nested: Whether a transaction is open already; then only the whole of it could be repeated.
    """
    if attempts < 1:
        raise InvalidRequest(f"attempts is at least 1, not {attempts}.")
    pauses = islice(_CONFLICT.pauses(), 0 if nested else attempts - 1)
    while True:
        try:
            with block:
                return function()
        except (Conflict, Unavailable) as error:  # nothing of it is kept; of an OutcomeUnknown all may be
            wait(pauses, error)


def _request(method: MethodName, request: Message) -> pb.OpenSessionRequest:
    field: dict[str, Any] = {METHODS[method].session_field: request}  # Any: each field has a type of its own
    return pb.OpenSessionRequest(**field)


def _isolation(name: str | None) -> pb.Isolation:
    if name not in _ISOLATIONS:
        allowed = ", ".join(repr(known) for known in _ISOLATIONS if known)
        raise InvalidRequest(f"isolation is one of {allowed}, not {name!r}.")
    return _ISOLATIONS[name]

"""The state of a job while its `make` runs: waiting inserts, receipts of its reads, and its transaction."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from levada._base.errors import (
    LeaseLost,
    LevadaError,
    MakeContract,
    MissingAttribute,
    OutcomeUnknown,
    PreconditionFailed,
)
from levada._base.names import stored_name
from levada._jobs.buffered_insert import BufferedInsert
from levada._jobs.completion import CompletedJob
from levada._jobs.prefetch import Read, is_prefetchable
from levada_api.methods import METHODS
from levada_api.v1 import job_service_pb2, query_service_pb2, row_service_pb2, schema_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    import pyarrow as pa
    from google.protobuf.message import Message

    from levada._jobs.code_version import CodeVersion
    from levada._jobs.job_calls import Lease
    from levada._jobs.prefetch import Answers
    from levada._net.connection import Connection
    from levada._net.transaction import Transaction
    from levada._values.rows import Rows
    from levada_api.methods import MethodName

_LONG_RECEIPT_BYTES = 2**12
"""The size from which a receipt is kept as it is, and the next read begins another."""
_Id = tuple[str, str]
"""The schema and stored name of a table."""


class JobWork:
    """The inserts, reads and transaction of one job; end it with `finish` or `abandon`.

    Inserts are kept until the job is completed, so that no transaction is open while `make` computes. A transaction
    opens as soon as the inserts must be seen earlier: at a read of a table with waiting inserts, at a write that is not
    an insert, or at a `with` block; or at the first insert, if the class says `buffer_inserts = False`. It ends by
    completing the job.

    Args:
        connection: The connection to the table's server.
        lease: The job's lease.
        buffer_inserts: Whether to keep inserts until the job is completed.
        cancelled: Returns whether the job of a lease's token was cancelled.
        beside: Whether a result is stored that this one is to be compared with: a transaction is an error.
        answers: The answers to its first reads, if they were fetched ahead.

    Attributes:
        verifying: Whether current fetches are repeated when the job is completed, and must give the same rows then.
        reads: Its reads before the first change, which could have been answered ahead.
        read_seconds: How long it waited for answers.
        hits: How many of its reads had been answered ahead.
        changed_more: Whether it changed anything in another way than by buffered inserts into its own table and parts.
    """

    def __init__(
        self,
        connection: Connection,
        lease: Lease,
        *,
        buffer_inserts: bool,
        cancelled: Callable[[str], bool],
        beside: bool = False,
        answers: Answers | None = None,
    ) -> None:
        self.verifying = False
        self.reads: list[Read] = []
        self.read_seconds = 0.0
        self.hits = 0
        self.changed_more = False
        self._answers = answers
        self._foreseeable = True
        self._connection = connection
        self._lease = lease
        self._buffer_inserts = buffer_inserts or beside
        self._beside = beside
        self._cancelled = cancelled
        self._stored = stored_name(lease.table.table)
        self._inserts: list[BufferedInsert] = []
        self._receipts: list[bytes] = []
        self._unrecorded = False
        self._hashes: dict[str, str] = {}
        self._verified: list[job_service_pb2.VerifiedRead] = []
        self._transaction: Transaction | None = None

    @property
    def table(self) -> schema_pb2.TableName:
        """The table to compute."""
        return self._lease.table

    @property
    def key(self) -> Mapping[str, Any]:  # Any: an attribute's value
        """The key to compute."""
        return self._lease.key

    # -------------------------------------------------------------------------------------------------- writes

    def buffers(self, name: schema_pb2.TableName) -> bool:
        """Return whether rows of a table are kept until the job is completed; else they go into its transaction.

        Raises:
            LeaseLost: The job was cancelled.
            MakeContract: The contract is on, and the table is neither the job's own table nor a part of it.
        """
        self._check_wanted()
        schema, stored = _id(name)
        own = schema == self.table.schema and (stored == self._stored or stored.startswith(f"{self._stored}__"))
        if not own and self._contract() == schema_pb2.MAKE_CONTRACT_ON:
            table = f"{self.table.schema}.{self.table.table}"
            raise MakeContract(
                f"make of `{table}` inserts into `{name.schema}.{name.table}`, which is neither its own table nor a "
                f"part of it; it may write into `{table}` and its parts. Insert these rows before populate, or make "
                f"`{name.table}` a part.",
                {"table": f"{name.schema}.{name.table}"},
            )
        self._end_of_foresight()
        buffered = self._buffer_inserts and self._transaction is None
        self.changed_more = self.changed_more or not own or not buffered
        return buffered

    def _check_wanted(self) -> None:
        if self._cancelled(self._lease.token):
            table = f"{self.table.schema}.{self.table.table}"
            raise LeaseLost(f"This job of `{table}` was cancelled; its make is ended.", {"table": table})

    def _contract(self) -> schema_pb2.MakeContract:
        return self._connection.describe_table(self.table).table.make_contract

    def insert(
        self, name: schema_pb2.TableName, options: row_service_pb2.InsertOptions, rows: Rows, location: str
    ) -> None:
        """Keep the rows of one insert: all of them or none.

        Raises:
            MissingAttribute: A value is missing and its attribute has no default.
        """
        insert = BufferedInsert(name, options, location, rows.schema)
        # A loop of insert1 becomes one insert of many rows.
        last = self._inserts[-1] if self._inserts else None
        if last is not None and last.is_like(insert):
            last.add(self._complete(name, rows.batches))
            return
        try:
            insert.add(self._complete(name, rows.batches))
        except BaseException:
            insert.close()
            raise
        if insert.row_count:
            self._inserts.append(insert)

    def _complete(self, name: schema_pb2.TableName, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield batches after checking that they have all values that a table needs."""
        for batch in batches:
            self._check_complete(name, batch)
            yield batch

    def _check_complete(self, name: schema_pb2.TableName, rows: pa.RecordBatch) -> None:
        if not rows.num_rows:
            return
        for attribute in self._connection.describe_table(name).heading.attributes.values():
            if attribute.nullable or attribute.default is not None or attribute.autoincrement:
                continue
            if attribute.name not in rows.schema.names or rows.column(attribute.name).null_count:
                raise MissingAttribute(
                    f"`{name.table}`: a row has no value for `{attribute.name}`, which has no default.",
                    {"attribute": attribute.name, "table": f"{name.schema}.{name.table}"},
                )

    def take_objects(self, hashes: Mapping[str, str]) -> None:
        """Note the hashes of objects that were put into stores for it, by their ids."""
        if self._beside:
            self._hashes.update(hashes)

    def open_transaction(self) -> str:
        """Open the job's transaction if it is not open; return the token of its lease, which writes carry.

        Raises:
            PreconditionFailed: The result is computed beside a stored one.
            LevadaError: A waiting row cannot be inserted.
        """
        if self._beside:
            table = f"{self.table.schema}.{self.table.table}"
            raise PreconditionFailed(
                f"make of `{table}` changes rows, or reads what it has inserted, so it cannot be computed beside what "
                "is stored. Delete the result and populate again.",
                {"table": table},
            )
        self._end_of_foresight()
        self.changed_more = True
        if self._transaction is None:
            self._transaction = self._connection.begin_transaction("read_committed", self._lease.token)
            inserts, self._inserts = self._inserts, []
            for insert in inserts:
                try:
                    self._insert_now(insert)
                finally:
                    insert.close()
        return self._lease.token

    def _insert_now(self, insert: BufferedInsert) -> None:
        try:
            self._connection.send("RowService/InsertRows", self._requests(insert), row_service_pb2.InsertRowsResponse)
        except LevadaError as error:
            raise type(error)(f"{error} (inserted at {insert.location})", error.details) from None

    def _requests(self, insert: BufferedInsert) -> Iterator[row_service_pb2.InsertRowsRequest]:
        header = row_service_pb2.InsertHeader(name=insert.table, options=insert.options, lease_token=self._lease.token)
        yield row_service_pb2.InsertRowsRequest(header=header)
        for piece in insert.ipc_pieces():
            yield row_service_pb2.InsertRowsRequest(arrow_ipc=piece)

    def open_block(self) -> None:
        """Open the job's transaction; a `with` block of the user becomes a part of it.

        Raises:
            MakeContract: The contract is on.
        """
        message = (
            f"make of `{self.table.schema}.{self.table.table}` opens a transaction. The inserts of a make are kept all "
            "or not at all without one; remove the `with` block."
        )
        contract = self._contract()
        if contract == schema_pb2.MAKE_CONTRACT_ON:
            raise MakeContract(message, {"table": f"{self.table.schema}.{self.table.table}"})
        if contract == schema_pb2.MAKE_CONTRACT_WARN:
            self._connection.tell_once(f"{message} It is now a part of the job's transaction.")
        self.open_transaction()

    # --------------------------------------------------------------------------------------------------- reads

    def foreseen(self, method: MethodName, request: Message) -> Message | None:
        """Return the answer to a read if it came ahead; None if the server has to be asked.

        Raises:
            LeaseLost: The job was cancelled.
        """
        if not self._foreseeable or not is_prefetchable(method):
            return None
        self._check_wanted()
        marked: Any = request  # Any: one of the messages that prefetch knows
        verified = self.verifying and isinstance(request, query_service_pb2.FetchRelationRequest)
        if verified:
            marked.digest = True
        read = Read(method, request.SerializeToString(deterministic=True))
        self.reads.append(read)
        if self._answers is None:
            return None
        answer: Any = self._answers.take(read, self._connection.catalog_version)
        if answer is None:
            self._answers = None
            return None
        self.hits += 1
        self._receipts.append(answer.read_receipt)
        if verified:
            self._verified.append(job_service_pb2.VerifiedRead(relation=marked.relation, digest=answer.digest))
        told: Message = answer
        return told

    def _end_of_foresight(self) -> None:
        """Ask for all further reads, because they may depend on what the job changes."""
        self._foreseeable = False
        self._answers = None

    @contextmanager
    def marking(self, method: MethodName, request: Message) -> Iterator[Callable[[object], None]]:
        """Mark a request as the job's for the length of a block; yield a function that takes each answer to it.

        A receipt goes with the next read and comes back with that read added, until it is long: else many reads would
        send all before them again and again.

        Raises:
            LeaseLost: The job was cancelled.
        """
        self._check_wanted()
        if not METHODS[method].reads or self._must_see(request):
            self.open_transaction()
        marked: Any = request  # Any: one of the messages with these fields
        fields = request.DESCRIPTOR.fields_by_name
        if "lease_token" in fields:
            marked.lease_token = self._lease.token
        goes_on = "read_receipt" in fields and self._receipts and len(self._receipts[-1]) < _LONG_RECEIPT_BYTES
        receipt = self._receipts.pop() if goes_on else b""
        if receipt:
            marked.read_receipt = receipt
        verified = isinstance(request, query_service_pb2.FetchRelationRequest) and self.verifying
        if verified:
            marked.digest = True

        recorded = "read_receipt" not in fields
        began = time.monotonic()

        def take(answer: object) -> None:
            nonlocal receipt, recorded
            told = getattr(answer, "read_receipt", b"")
            receipt, recorded = told or receipt, recorded or bool(told)
            if verified and (digest := getattr(answer, "digest", "")):
                self._verified.append(job_service_pb2.VerifiedRead(relation=marked.relation, digest=digest))

        try:
            yield take
        finally:
            self.read_seconds += time.monotonic() - began
            self._unrecorded = self._unrecorded or not recorded
            if receipt:
                self._receipts.append(receipt)

    def _must_see(self, request: Message) -> bool:
        """Return whether a request reads a table for which inserts wait."""
        relation = getattr(request, "relation", None)
        if not self._inserts or relation is None:
            return False
        waiting = {_id(insert.table) for insert in self._inserts}
        return any(_id(node.table.name) in waiting for node in relation.nodes if node.HasField("table"))

    # ----------------------------------------------------------------------------------------------------- end

    def finish(self, seconds: float, code: CodeVersion, output: str) -> CompletedJob:
        """Return the job with all its inserts; if it has a transaction, complete it there.

        Raises:
            LevadaError: The job cannot be completed; its transaction is undone.
        """
        job = CompletedJob(
            self._lease,
            seconds,
            self._inserts,
            code,
            self._receipts,
            self._verified,
            output,
            committed=self._transaction is not None,
            unrecorded_reads=self._unrecorded,
            hashes=self._hashes,
        )
        if self._transaction is not None:
            job = replace(job, unready=self._transaction.complete_job(job.header()))
            transaction, self._transaction = self._transaction, None
            try:
                self._connection.end_transaction(transaction.commit)
            except OutcomeUnknown:
                # Completing it once more finds out: if it was committed, that succeeds and changes nothing.
                return replace(job, committed=False)
        return job

    def abandon(self) -> None:
        """Undo the transaction and free all rows."""
        if self._transaction is not None:
            transaction, self._transaction = self._transaction, None
            self._connection.end_transaction(transaction.roll_back)
        for insert in self._inserts:
            insert.close()


def _id(name: schema_pb2.TableName) -> _Id:
    return name.schema, stored_name(name.table)

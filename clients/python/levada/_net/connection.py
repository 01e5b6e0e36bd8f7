"""Connections to a server."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast

from levada._base.absent_names import Explained
from levada._base.config import config
from levada._base.display import html_line
from levada._base.errors import InvalidRequest, LostConnectionError, PreconditionFailed, Unsupported
from levada._net.few_rows import fetch_few_rows
from levada._net.job_context import job_of
from levada._net.pages import pages
from levada._net.recordings import RECORDING_VARIABLE, begin_recording
from levada._net.small_calls import SmallCalls
from levada._net.transaction import ATTEMPTS, TransactionBlock, Transactions, run_transaction
from levada._net.transport import Transport
from levada._net.versions import check_server
from levada._values.heading import Heading, heading_from_message
from levada._values.ipc_writer import COMPRESSIONS
from levada_api.v1 import object_pb2, query_service_pb2, schema_pb2, schema_service_pb2, server_service_pb2
from levada_api.v1 import object_service_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from google.protobuf.message import Message

    from levada._net.dependencies import Dependencies
    from levada._net.job_context import JobContext
    from levada._net.request_queue import Request
    from levada._net.transaction import Transaction
    from levada._net.transport import Decoder
    from levada_api.methods import MethodName

_Response = TypeVar("_Response", bound="Message")
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

_PROBE_SECONDS = 5.0
_RECORDED = (
    query_service_pb2.FetchRelationRequest,
    query_service_pb2.CountRelationRequest,
    query_service_pb2.CheckExistenceRequest,
)
"""The requests whose rows recordings keep."""
_COMPRESSIONS = {"zstd": query_service_pb2.COMPRESSION_ZSTD, "lz4": query_service_pb2.COMPRESSION_LZ4_FRAME}


@dataclass(frozen=True)
class TableDescription:
    """A table as the catalog describes it."""

    table: schema_pb2.Table
    heading: Heading


class Connection(Explained):
    """A connection to one server. Threads may share it, and it keeps working in a forked child.

    gRPC requires that no other thread is within a call at the time of the fork.

    Args:
        address: `host:port`, `https://host[:port]` or `grpcs://host[:port]` with TLS, or `unix:/path`.
        token: An API token; None if the server needs none.
        certificates: A PEM file with the authorities to trust in place of the system's.
        authority: The same as text.

    Attributes:
        schemas: The schemas that this process has activated on it, by name.
        recordings: The names of the recordings that keep its reads; one may be there more than once.
        direct_again: When to try again to reach stores without the server, on the monotonic clock.

    Raises:
        Unavailable: No server answers at the address.
        Unauthenticated: The token is wrong or missing.
        VersionMismatch: Client or server is too old for the other.
    """

    def __init__(
        self,
        address: str,
        token: str | None = None,
        *,
        certificates: str | os.PathLike[str] | None = None,
        authority: str | None = None,
    ) -> None:
        trusted = authority.encode() if authority is not None else None
        if certificates is not None:
            trusted = Path(certificates).read_bytes()
        self._transport = Transport(address, token, trusted)
        self._small_calls = SmallCalls(self._transport)
        self._transactions = Transactions(self._transport)
        named = Path(certificates).absolute() if certificates is not None else None
        self._arguments = (address, token, named, authority)
        self._stores: dict[str, object_pb2.Store] | None = None
        self._tables: dict[tuple[str, str], tuple[int, TableDescription]] = {}
        self._upstream: dict[tuple[str, str], tuple[int, list[schema_pb2.TableName]]] = {}
        self._dependencies: Dependencies | None = None
        self.schemas: dict[str, object] = {}
        self.recordings: list[str] = []
        self.direct_again = 0.0
        try:
            self._info = self._ask_info(None)
            check_server(self._info, address)
        except BaseException:
            self._transport.close()
            raise
        for name in filter(None, os.environ.get(RECORDING_VARIABLE, "").split(",")):
            begin_recording(self, name)
            self.recordings.append(name)
        self._transactions.may_pipeline = self.has_feature("unanswered_requests")
        if self._info.embedded:
            self._transport.stay_present()

    @property
    def address(self) -> str:
        """The server's address."""
        return self._transport.address

    @property
    def server_version(self) -> str:
        """The server's version."""
        return self._info.version

    def has_feature(self, name: str) -> bool:
        """Return whether the server has a feature that released ones lack."""
        return name in self._info.features

    @property
    def limits(self) -> server_service_pb2.Limits:
        """The server's limits."""
        return self._info.limits

    @property
    def is_private(self) -> bool:
        """Whether calls go by a socket that nobody but this user can reach, so that this user's server answers."""
        return self._transport.is_private

    @property
    def is_connected(self) -> bool:
        """Whether the server answers now."""
        if self._transport.closed:
            return False
        try:
            self._ask_info(_PROBE_SECONDS)
        except LostConnectionError:
            return False
        return True

    def _repr_html_(self) -> str:
        return html_line(f"connection to {self._place()}, server {self.server_version}")

    def _place(self) -> str:
        """The address, without a password that a user may have written into it."""
        scheme, found, rest = self.address.rpartition("://")
        return f"{scheme}{found}{rest.rpartition('@')[2]}"

    # ----------------------------------------------------------------------------------- names of DataJoint

    @property
    def conn_info(self) -> dict[str, object]:
        """`host`, `port` and `user` of the connection; a path has no port. There is no password."""
        host, _, port = self.address.rpartition("://")[2].rpartition(":")
        known = bool(host) and port.isdigit()
        return {
            "host": host if known else self.address,
            "port": int(port) if known else None,
            "user": config["database.user"],
        }

    def get_user(self) -> str:
        """Return who calls, as `user@host`: the setting `database.user`, by default the user of this machine."""
        return f"{config['database.user']}@{socket.gethostname()}"

    def ping(self) -> None:
        """Raise an error unless the server answers.

        Raises:
            Unavailable: The server does not answer.
        """
        self._ask_info(_PROBE_SECONDS)

    @property
    def dependencies(self) -> Dependencies:
        """All tables and their foreign keys as a graph of NetworkX, which must be installed: call its `load()`."""
        if self._dependencies is None:
            try:
                from levada._net.dependencies import Dependencies
            except ImportError:
                raise Unsupported(
                    "`dependencies` is a graph of NetworkX: `pip install networkx`. Without it, a table has its "
                    "`parents()`, `children()`, `ancestors()` and `descendants()`."
                ) from None
            self._dependencies = Dependencies(self)
        return self._dependencies

    def query(
        self,
        query: str,
        args: object = (),
        *,
        as_dict: bool = False,
        suppress_warnings: bool = True,
        reconnect: bool | None = None,
    ) -> NoReturn:
        """Refuse a statement of SQL; arguments as in DataJoint.

        SQL can name any table of the database, so no rule about who may read what could hold for it.

        Raises:
            Unsupported: Always.
        """
        raise Unsupported(
            "The server takes no SQL. Fetch rows by tables and their operators: `table & condition`, `table.proj(…)`, "
            "`table.aggr(…)`, `len(table)` for COUNT(*); dj.FreeTable reaches a table by its name, dj.list_schemas() "
            "and schema.list_tables() list names, and `table.children()` has the foreign keys. Who runs the server can "
            f"read its PostgreSQL by other programs. The statement was: {query[:200]}"
        )

    def set_query_cache(self, query_cache: str | None = None) -> None:
        """Warn that there is no cache of queries; its name is not used."""
        self.tell_once("`set_query_cache` has no effect here: every fetch asks the server.")

    def purge_query_cache(self) -> None:
        """Do nothing, because there is no cache of queries."""

    def close(self) -> None:
        """Close the connection; calls under way are cancelled."""
        self._transport.close()

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:  # Any: what pickle takes
        return reopened, self.arguments

    def __repr__(self) -> str:
        return f"Connection({self.address!r}{', closed' if self._transport.closed else ''})"

    # ------------------------------------------------------------------------------------------ transactions

    @property
    def transaction(self) -> TransactionBlock[Connection]:
        """A `with` block whose changes are all kept or all undone: `with connection.transaction():`.

        It covers the queries and rows of this thread. A nested block can be undone alone.
        """
        return TransactionBlock(self, self._transactions)

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction of this thread is open."""
        return self._transactions.current is not None

    def run_transaction(
        self, function: Callable[[], _Result], attempts: int = ATTEMPTS, *, isolation: str | None = None
    ) -> _Result:
        """Run a function in a transaction; repeat it from its start if a concurrent transaction got in the way.

        It is repeated too if its server was lost before the commit, as when servers restart in turn.

        Args:
            function: It may run several times, so its effects outside the server must be safe to repeat.
            attempts: The highest number of times to run it.
            isolation: As for `transaction`.

        Raises:
            Conflict: The last attempt met a conflict too; or the function met one within a transaction that was open
                before, which only its owner can repeat.
        """
        block = self.transaction(isolation=isolation)
        return run_transaction(block, function, attempts, nested=self.in_transaction)

    def start_transaction(self) -> None:
        """Begin a transaction that `commit_transaction` or `cancel_transaction` ends; a `with` block is safer.

        Raises:
            PreconditionFailed: A transaction is open.
        """
        if job_of(self) is not None:
            raise InvalidRequest("`make` is a transaction already: its inserts are kept all or not at all.")
        if self.in_transaction:
            raise PreconditionFailed("A transaction is open; only `with connection.transaction():` can be inside it.")
        self._transactions.begin(None, read_only=False, in_block=False)

    def commit_transaction(self) -> None:
        """Commit the transaction that `start_transaction` began."""
        self._take_transaction("commit").commit()

    def cancel_transaction(self) -> None:
        """Undo the transaction that `start_transaction` began; do nothing if no transaction is open."""
        if self.in_transaction:
            self._take_transaction("cancel").roll_back()

    def _take_transaction(self, verb: str) -> Transaction:
        transaction = self._transactions.current
        if transaction is None:
            raise PreconditionFailed(f"There is no transaction to {verb}.")
        if transaction.in_block or transaction.savepoints:
            raise PreconditionFailed(
                f"A `with` block is open, and nobody else can {verb} it: its end commits, an exception undoes it."
            )
        self._transactions.forget()
        return transaction

    def store_folder(self, name: str) -> Path | None:
        """Return the folder of a store, from the setting `stores` or from the server, if this machine can see it.

        Args:
            name: The store's name; empty for the store that the server prefers.
        """
        if self._stores is None:
            listed = pages(self, "ObjectService/ListStores", pb.ListStoresRequest(), pb.ListStoresResponse)
            self._stores = {store.name: store for page in listed for store in page.stores}
        store = next((s for s in self._stores.values() if s.name == name or (not name and s.preferred)), None)
        if store is None:
            return None
        place = self.store_location(store.name) or store.folder
        return Path(place) if place and Path(place).is_dir() else None

    def store_location(self, name: str) -> str | None:
        """Return where this machine has a store, by the setting `stores`; None if that does not say."""
        setting = config["stores"].get(name)
        return setting.get("location") if isinstance(setting, Mapping) else None

    def _job_asking(self, method: MethodName) -> JobContext | None:
        """Return the job that runs in this context, if the method reads or changes rows."""
        return job_of(self) if method.startswith(("QueryService/", "RowService/")) else None

    def _name_recordings(self, request: Message) -> None:
        """Let the recordings keep a read."""
        if self.recordings and isinstance(request, _RECORDED):
            request.recordings[:] = dict.fromkeys(self.recordings)

    def begin_transaction(self, isolation: str, lease_token: str = "") -> Transaction:
        """Begin a transaction of this thread that only `end_transaction` ends.

        Args:
            lease_token: The token of the job's lease if the transaction belongs to a job; it lasts as long as the lease
                does.
        """
        return self._transactions.begin(isolation, read_only=False, in_block=True, lease_token=lease_token)

    def end_transaction(self, end: Callable[[], None]) -> None:
        """End the transaction that `begin_transaction` began, by its `commit` or `roll_back`."""
        self._transactions.forget()
        end()

    def tell_once(self, text: str) -> None:
        """Warn, unless this connection has given the same warning before."""
        self._transport.tell_once(text)

    # The members below are for the other modules; methods have the names of the protocol.

    @property
    def arguments(self) -> tuple[str, str | None, Path | None, str | None]:
        """The arguments that open the same connection elsewhere."""
        return self._arguments

    @property
    def catalog_version(self) -> int:
        """The highest catalog version that any answer carried."""
        return self._transport.catalog_version

    @property
    def compression(self) -> str | None:
        """How to compress rows for the server, by Arrow's name; None if it is on this machine."""
        return next(iter(COMPRESSIONS), None) if self._transport.is_far else None

    def expect_catalog(self, version: int) -> None:
        """Record a catalog version that another process has seen."""
        self._transport.expect_catalog(version)

    def call(
        self,
        method: MethodName,
        request: Message,
        response: type[_Response],
        *,
        timeout: float | None = None,
        patience: float | None = None,
    ) -> _Response:
        """Call a method with one request and one response; see `Transport.call`."""
        self._name_recordings(request)
        if (job := self._job_asking(method)) is not None:
            if (foreseen := job.foreseen(method, request)) is not None:
                return cast("_Response", foreseen)
            with job.marking(method, request) as take:
                marked = self._call(method, request, response, timeout, patience)
                take(marked)
            return marked
        return self._call(method, request, response, timeout, patience)

    def _call(
        self,
        method: MethodName,
        request: Message,
        response: type[_Response],
        timeout: float | None,
        patience: float | None,
    ) -> _Response:
        if (transaction := self._transactions.serving(method)) is not None:
            answer: _Response = transaction.call(method, request, timeout)
            return answer
        return self._small_calls.call(method, request, response, timeout=timeout, patience=patience)

    def until_back(self, attempt: Callable[[], _Result]) -> _Result:
        """Make an attempt that only reads; repeat it for some seconds while the server is out of reach.

        In a transaction it is made once, for a transaction ends with its server.
        """
        return attempt() if self.in_transaction else self._transport.until_back(attempt)

    def start(self, method: MethodName, request: Message, response: type[_Response]) -> Callable[[], _Response]:
        """Begin a call with one request and one response, outside of jobs and transactions; see `Transport.start`."""
        return self._transport.start(method, request, response)

    def receive(self, method: MethodName, request: Message, response: Decoder[_Item]) -> Iterator[_Item]:
        """Call a method that answers with a stream; see `Transport.receive`."""
        self._name_recordings(request)
        if (job := self._job_asking(method)) is not None:
            return self._receive_for(job, method, request, response)
        return self._receive(method, request, response)

    def _receive_for(
        self, job: JobContext, method: MethodName, request: Message, response: Decoder[_Item]
    ) -> Iterator[_Item]:
        if (foreseen := job.foreseen(method, request)) is not None:
            yield cast("_Item", foreseen)
            return
        with job.marking(method, request) as take:
            for answer in self._receive(method, request, response):
                take(answer)
                yield answer

    def _receive(self, method: MethodName, request: Message, response: Decoder[_Item]) -> Iterator[_Item]:
        transaction = self._transactions.serving(method)
        if transaction is None and (few := fetch_few_rows(self._small_calls, request)) is not None:
            return iter([cast("_Item", few)])  # as if it had come as a stream
        if isinstance(request, query_service_pb2.FetchRelationRequest) and self._transport.is_far:
            request.compressions[:] = map(_COMPRESSIONS.__getitem__, COMPRESSIONS)
        if transaction is not None:
            return transaction.receive(method, request)
        return self._transport.receive(method, request, response)

    def send(
        self,
        method: MethodName,
        requests: Iterable[Request],
        response: type[_Response],
        *,
        patience: float | None = None,
    ) -> _Response:
        """Call a method that takes a stream; see `Transport.send`."""
        if (transaction := self._transactions.serving(method)) is not None:
            answer: _Response = transaction.send(method, cast("Iterable[Message]", requests))  # only objects send bytes
            return answer
        return self._transport.send(method, requests, response, patience=patience)

    def describe_table(self, name: schema_pb2.TableName) -> TableDescription:
        """Return a table as the catalog describes it; ask the server again once the catalog has changed.

        Raises:
            UnknownTable: The table does not exist.
        """
        key = (name.schema, name.table)
        version, description = self._tables.get(key, (-1, None))
        if description is None or version != self._transport.catalog_version:
            request = schema_service_pb2.DescribeTableRequest(name=name)
            table = self.call("SchemaService/DescribeTable", request, schema_service_pb2.DescribeTableResponse).table
            description = TableDescription(table, heading_from_message(table.heading))
            self._tables[key] = (self._transport.catalog_version, description)
        return description

    def upstream_names(self, name: schema_pb2.TableName) -> list[schema_pb2.TableName]:
        """Return a table and all that it depends on; ask the server again once the catalog has changed.

        Raises:
            UnknownTable: The table does not exist.
        """
        key = (name.schema, name.table)
        version, names = self._upstream.get(key, (-1, []))
        if version != self._transport.catalog_version:
            request = schema_service_pb2.GetGraphRequest(tables=[name], ancestor_steps=-1)
            tables = self.call("SchemaService/GetGraph", request, schema_service_pb2.GetGraphResponse).tables
            names = [table.name for table in tables]
            self._upstream[key] = (self._transport.catalog_version, names)
        return names

    def _ask_info(self, timeout: float | None) -> server_service_pb2.GetServerInfoResponse:
        return self._transport.call(
            "ServerService/GetServerInfo",
            server_service_pb2.GetServerInfoRequest(),
            server_service_pb2.GetServerInfoResponse,
            timeout=timeout,
        )


def reopened(address: str, token: str | None, certificates: Path | None, authority: str | None) -> Connection:
    """Open a pickled connection in another process."""
    return Connection(address, token, certificates=certificates, authority=authority)

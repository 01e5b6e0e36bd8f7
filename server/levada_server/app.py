"""The composition root: builds, starts, announces, drains and stops the parts."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import logging
import os
import signal
import socket
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from levada_server import announcement
from levada_server.config import store_folders
from levada_server.embedded import data_folder, embedded
from levada_server.errors import InvalidRequest, LevadaError
from levada_server.issuer import Issuer
from levada_server.monitoring import alerts
from levada_server.monitoring.alerts import Alerts
from levada_server.monitoring.metrics import FIGURES_S, ServerMetrics
from levada_server.monitoring.pages import PageServer
from levada_server.operations.access.gate import Gate
from levada_server.operations.audit import FLUSH_S
from levada_server.operations.context import Engine
from levada_server.operations.downstream import Downstream
from levada_server.operations.quota import Quota
from levada_server.operations.shared_refreshes import Refreshes
from levada_server.reach import EVERY_S, Reach
from levada_server.rpc.decoding.read_shapes import asked_again
from levada_server.rpc.decoding.relations import stored_relation
from levada_server.rpc.ports import check_free
from levada_server.rpc.server import RpcServer
from levada_server.rpc.tls import Certificate
from levada_server.storage.backup.snapshot import check_restored
from levada_server.storage.catalog.cache import KEEP_UP_S, CatalogCache
from levada_server.storage.jobs.comparison import merge_changes
from levada_server.storage.jobs.notifications import Lookout
from levada_server.storage.jobs.worker_sessions import read_signer
from levada_server.storage.objects import usage
from levada_server.storage.objects.storage import LOOK_S, ObjectStorage
from levada_server.storage.permissions.cache import KEEP_UP_S as PERMISSIONS_S
from levada_server.storage.permissions.cache import USES_S, PermissionsCache
from levada_server.storage.postgres.audit import keep_audit
from levada_server.storage.postgres.database import Database
from levada_server.storage.postgres.migrations import migrate
from levada_server.storage.postgres.request_outcomes import forget_past_days
from levada_server.storage.postgres.second_role import let_in
from levada_server.storage.postgres.spool import SpoolSpace
from levada_server.supervision import Supervision

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from contextlib import AbstractAsyncContextManager

    from levada_server.config import Settings
    from levada_server.rpc.web.door import WebSettings

ANNOUNCEMENT = "server.json"
"""The file in the data folder by which clients of the same user find a running server."""
DEFAULT_LISTEN = "127.0.0.1:50051"
LEAVE_S = 1.5
"""The time in which clients learn that a server is about to stop; until then it serves calls that are on their way."""
TIDY_INTERVAL_S = 3600.0
"""The time between two rounds of deleting old outcomes of requests."""
MERGE_S = 60.0
SETTLED_S = 5.0
"""The time after the start until the server tidies up: it would take connections from the first calls."""
_LOG = logging.getLogger("levada.server")


Beside: TypeAlias = "Callable[[Settings, int, Supervision], AbstractAsyncContextManager[None]]"
"""Runs a number of further processes with some settings, under supervision."""


async def serve(
    settings: Settings,
    ready: Callable[[str], None],
    beside: Beside | None = None,
    stopping: Callable[[], None] | None = None,
) -> None:
    """Run a server until it is stopped or has been idle for too long.

    Args:
        settings: The server's settings.
        ready: Called with the address once calls are served.
        beside: Runs the other processes, if there are to be several.
        stopping: Called once it begins to stop.

    Raises:
        LevadaError: It cannot start; the message says why in one line.
    """
    supervision = Supervision()
    async with running(settings, beside, supervision) as (server, address):
        told = _stop_signal()
        ready(address)
        try:
            reason = await _until_stopped(server, settings.idle_timeout_s, told, supervision.gave_up)
            _LOG.info("stopping: %s", reason)
        finally:
            if stopping is not None:
                stopping()


@asynccontextmanager
async def running(
    settings: Settings, beside: Beside | None = None, supervision: Supervision | None = None
) -> AsyncIterator[tuple[RpcServer, str]]:
    """Run a server for the length of the block and yield it with its address.

    Args:
        settings: The server's settings.
        beside: Runs the other processes, if there are to be several.
        supervision: The supervision of the background tasks; by default a new one.

    Raises:
        LevadaError: It cannot start; the message says why in one line.
    """
    supervision = supervision or Supervision()
    async with AsyncExitStack() as stack:
        database_url, postgres = settings.database_url, None
        if database_url is None:
            postgres = await asyncio.to_thread(embedded.start, settings.data_folder)
            stack.push_async_callback(asyncio.to_thread, postgres.stop)
            database_url = postgres.dsn
        spool = SpoolSpace(settings.spool_folder)
        await asyncio.to_thread(spool.remove_leftovers)
        database = await Database.connect(
            database_url, spool, owner_url=settings.owner_url, statement_s=settings.call_limits.statement_s
        )
        stack.push_async_callback(database.close)
        await _prepare(database)
        cache, permissions, downstream = CatalogCache(database), PermissionsCache(database), Downstream()
        await cache.current()
        await permissions.read()
        lookout = Lookout(database)
        stack.push_async_callback(lookout.close)
        stores = await asyncio.to_thread(store_folders, settings)
        objects = ObjectStorage(database_url, stores)
        stack.push_async_callback(objects.close)
        gate, signer = Gate(cache, permissions, stored_relation), await read_signer(database)
        issuer = None if settings.issuer is None else Issuer(settings.issuer)
        if issuer is not None:
            stack.callback(issuer.close)
        engine = Engine(
            database,
            gate,
            lookout,
            signer,
            objects,
            downstream,
            Refreshes(),
            asked_again,
            settings.value_bytes,
            spool,
            issuer=issuer,
            quota=Quota(settings.schema_bytes),
            call_limits=settings.call_limits,
        )
        server = RpcServer(
            engine,
            _version(),
            embedded=settings.database_url is None,
            transaction_limits=settings.transaction_limits,
            user_streams=settings.user_streams,
            shared_port=settings.shared_port or settings.processes > 1,
        )
        stack.push_async_callback(_flush, engine)
        supervision.report_to(server.report)
        stack.push_async_callback(supervision.close)
        reach = Reach(database, postgres, supervision.give_up)
        _keep_up(supervision, server, reach, cache, permissions)
        supervision.repeat("downstream", downstream.refresh)
        _tidy(supervision, engine, database, settings)
        where = _listen_address(settings)
        certificate = None if settings.certificate is None else Certificate(*settings.certificate)
        address = server.listen(where, None if where.startswith("unix:") else certificate)
        web = _open_web(settings, server, certificate)
        stack.enter_context(_metrics(settings, engine, database, supervision, server))
        if not settings.shared_port:  # one of several processes serves the socket
            stack.enter_context(_private_socket(server, address))
        await server.start()
        stack.push_async_callback(server.stop, settings.grace_s)
        if beside is not None and settings.processes > 1:
            other = replace(
                settings,
                database_url=database_url,
                stores=stores,
                listen=address,
                web=web,
                processes=1,
                shared_port=True,
            )
            await stack.enter_async_context(beside(other, settings.processes - 1, supervision))
        if settings.database_url is None:
            stack.callback(_announce(settings.data_folder, address))
        stack.push_async_callback(_say_farewell, supervision, server)
        yield server, address


def _open_web(settings: Settings, server: RpcServer, certificate: Certificate | None) -> WebSettings | None:
    """Open the dashboard's port, if it is to be open from the start; return where, with the port that was chosen."""
    if settings.web is None:
        return None
    shared = settings.shared_port or settings.processes > 1
    server.web.listen(settings.web, None if certificate is None else certificate.context(), shared_port=shared)
    return replace(settings.web, port=server.web.port)


def _keep_up(
    supervision: Supervision, server: RpcServer, reach: Reach, cache: CatalogCache, permissions: PermissionsCache
) -> None:
    """Follow in the background what others change; the server is not ready while it cannot."""
    supervision.repeat("postgresql", reach.look, EVERY_S, essential=True)
    # Both have just been read.
    supervision.repeat("catalog", cache.catch_up, KEEP_UP_S, first_s=KEEP_UP_S, essential=True)
    keep = partial(_keep_permissions, server, permissions)
    supervision.repeat("permissions", keep, PERMISSIONS_S, first_s=PERMISSIONS_S, essential=True)


def _tidy(supervision: Supervision, engine: Engine, database: Database, settings: Settings) -> None:
    """Write, forget and report in the background what no call waits for; the first calls come before it."""
    supervision.repeat("token-uses", engine.gate.permissions.write_uses, USES_S)
    supervision.repeat("outcomes", partial(forget_past_days, database), TIDY_INTERVAL_S, first_s=TIDY_INTERVAL_S)
    supervision.repeat("changes", partial(_merge_changes, database), MERGE_S, first_s=SETTLED_S)
    supervision.repeat("audit", partial(engine.audit.flush, database), FLUSH_S)
    supervision.repeat("stores", engine.objects.look, LOOK_S)
    supervision.repeat("object-usage", partial(usage.measure, database), usage.MEASURE_S, first_s=SETTLED_S)
    keep = partial(_keep_audit, database, settings.audit_months)
    supervision.repeat("audit-months", keep, TIDY_INTERVAL_S, first_s=SETTLED_S)
    if settings.alerts is not None and not settings.shared_port:  # one of several processes tells
        supervision.repeat("alerts", Alerts(engine, settings.alerts).round, alerts.EVERY_S)


async def _merge_changes(database: Database) -> None:
    """Keep one change of each table: every transaction that changes one leaves a row, even if nobody asks for it."""
    async with database.connection() as connection:
        await merge_changes(connection)


@contextmanager
def _metrics(
    settings: Settings, engine: Engine, database: Database, supervision: Supervision, server: RpcServer
) -> Iterator[None]:
    """Serve the metrics for the length of the block, if the settings say where.

    Only one of several processes counts what is in the database.
    """
    if settings.metrics is None:
        yield
        return
    host, port = settings.metrics
    metrics = ServerMetrics(_version(), server.dispatcher.measures, engine, database, supervision)
    pages = PageServer(host, port, metrics.pages(asyncio.get_running_loop()))
    _LOG.info("metrics at http://%s:%d/metrics", host, pages.port)
    if not settings.shared_port:
        supervision.repeat("figures", metrics.count, FIGURES_S)
    try:
        yield
    finally:
        pages.close()


async def _prepare(database: Database) -> None:
    """Bring the database up to date as its owner, and let the role of calls in."""
    await check_restored(database)
    await migrate(database.share("declarations"))
    await let_in(database)
    await forget_past_days(database)


async def _keep_audit(database: Database, months: int) -> None:
    """Make and drop the months of the audit as their owner, and let the server's role insert alone."""
    await keep_audit(database.share("declarations"), months)
    await let_in(database)


async def _say_farewell(supervision: Supervision, server: RpcServer) -> None:
    """Say that the server is about to stop, and serve on until clients with a choice have gone to another."""
    await supervision.drain()
    await server.let_leave(LEAVE_S)


async def _flush(engine: Engine) -> None:
    """Write the last entries of the audit when no call runs any more; PostgreSQL may be gone already."""
    try:
        await engine.audit.flush(engine.scope)
    except LevadaError as error:
        _LOG.error("the last entries of the audit cannot be written; only a log in JSON has them: %s", error)


async def _keep_permissions(server: RpcServer, permissions: PermissionsCache) -> None:
    """Learn which tokens and grants were withdrawn, and end the streams of callers who are refused now."""
    await permissions.catch_up()
    server.dispatcher.end_refused(dt.datetime.now(dt.UTC))


@cache
def _version() -> str:
    return version("levada")


def _listen_address(settings: Settings) -> str:
    if settings.processes > 1:
        return _port_to_share(settings)
    if settings.listen is not None:
        return settings.listen
    if settings.database_url is not None:
        return DEFAULT_LISTEN
    return f"unix:{data_folder.connection_folder(settings.data_folder) / 'grpc.sock'}"


@contextmanager
def _private_socket(server: RpcServer, address: str) -> Iterator[None]:
    """Listen also on a socket that only this user can open, and announce it to this user's clients."""
    if address.startswith("unix:"):
        data_folder.private_folder(Path(address.removeprefix("unix:")).parent)
        yield
        return
    socket_address = server.listen(f"unix:{announcement.socket_folder() / address.rpartition(':')[2]}.sock")
    with announcement.announced(address, socket_address):
        yield


def _port_to_share(settings: Settings) -> str:
    """Choose the address on which several processes listen.

    Raises:
        InvalidRequest: These settings, or this system, allow only one process.
        Unavailable: Another program has the port: the processes could share it even with another server.
    """
    address = settings.listen or DEFAULT_LISTEN
    if address.startswith("unix:") or not hasattr(socket, "SO_REUSEPORT"):
        raise InvalidRequest("Several processes share a port, if the system allows it: use --listen host:port.")
    if settings.idle_timeout_s is not None:
        raise InvalidRequest("With several processes, none knows when all are idle; leave out --idle-timeout.")
    check_free(address)
    return address


def _announce(folder: Path, address: str) -> Callable[[], None]:
    """Write the server's address to a file, and return a function that removes it."""
    file = folder / ANNOUNCEMENT
    text = json.dumps({"address": address, "pid": os.getpid(), "version": _version()})
    # Renamed into place, so that nobody reads half a file.
    draft = folder / f"{ANNOUNCEMENT}.new"
    draft.write_text(text, encoding="utf-8")
    draft.replace(file)

    def withdraw() -> None:
        file.unlink(missing_ok=True)

    return withdraw


def _stop_signal() -> asyncio.Future[object]:
    """Return what is done once the process is told to stop."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    return loop.create_task(stopped.wait())


async def _until_stopped(
    server: RpcServer, idle_timeout_s: float | None, told: asyncio.Future[object], gave_up: asyncio.Future[None]
) -> str:
    try:
        while True:
            left = None if idle_timeout_s is None else idle_timeout_s - server.activity.idle_seconds
            if left is not None and left <= 0:
                return f"idle for {idle_timeout_s:.0f} s"
            ends: set[asyncio.Future[Any]] = {told, gave_up}  # Any: of what they give only errors count
            done, _ = await asyncio.wait(ends, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if gave_up in done:
                gave_up.result()
            if done:
                return "told to"
    finally:
        told.cancel()

"""One PostgreSQL per run; a database cloned from a migrated template per test; a real server and channel."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio
from hypothesis import settings

from levada_server.app import running
from levada_server.config import Settings
from levada_server.embedded import embedded
from levada_server.operations.access.gate import Gate
from levada_server.operations.context import Engine
from levada_server.operations.downstream import Downstream
from levada_server.operations.shared_refreshes import Refreshes
from levada_server.operations.transactions import TransactionLimits
from levada_server.rpc.decoding.read_shapes import asked_again
from levada_server.rpc.decoding.relations import stored_relation
from levada_server.storage.catalog.cache import CatalogCache
from levada_server.storage.jobs.notifications import Lookout
from levada_server.storage.jobs.worker_sessions import read_signer
from levada_server.storage.objects.storage import ObjectStorage, StoreFolders
from levada_server.storage.permissions.cache import PermissionsCache
from levada_server.storage.postgres.database import Database
from levada_server.storage.postgres.migrations import migrate
from levada_server.supervision import Supervision
from tests.support.bucket_services import SERVICES
from tests.support.objects import stores_of
from tests.support.pgbouncer import MISSING as MISSING_PGBOUNCER
from tests.support.pgbouncer import pgbouncer
from tests.support.pgbouncer import program as pgbouncer_program
from tests.support.private_address import private_address

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from levada_server.permissions.id_tokens import IssuerSettings
    from levada_server.rpc.web.door import WebSettings
    from tests.support.bucket_services import SettingsOf

_URL = "LEVADA_TEST_DATABASE_URL"
_SERVER_PYTHON = "LEVADA_TEST_SERVER_PYTHON"
"""The interpreter whose server the clients call; `.ci/last-client` names that of a newer tree."""
_TEMPLATE = "levada_template"
_MEMORY = Path("/dev/shm")
"""A database is cloned there in a third of the time."""
_LEFT = 3
"""How many databases of past tests a process leaves for now."""
_ROOM_BYTES = 8 * 2**30

settings.register_profile("levada", deadline=None)  # a busy machine makes no test fail
settings.load_profile("levada")


def pytest_configure(config: pytest.Config) -> None:
    """Start the PostgreSQL of the run, before the workers of a parallel run begin."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it in what it runs in the background
    if hasattr(config, "workerinput") or config.option.collectonly or _URL in os.environ or sys.platform == "win32":
        return
    folder = Path(tempfile.mkdtemp(prefix="lv-"))  # short: paths of sockets below it have 104 characters at most
    os.environ["XDG_STATE_HOME"] = str(folder / "state")
    folder.chmod(0o711)  # for root, PostgreSQL runs as another user, who must have access
    # Whatever tests and their processes leave among the temporary files goes at the end.
    temporary = folder / "t"
    temporary.mkdir(mode=0o711)
    os.environ["TMPDIR"] = tempfile.tempdir = str(temporary)
    data = Path(tempfile.mkdtemp(prefix="lv-", dir=_MEMORY)) if _has_room(_MEMORY) else folder
    data.chmod(0o711)
    postgres = embedded.start(data)
    os.environ[_URL] = postgres.dsn

    def clean_up() -> None:
        postgres.stop()
        shutil.rmtree(data)
        shutil.rmtree(folder, ignore_errors=True)  # a process that is about to end may still write there
        del os.environ[_URL]

    config.add_cleanup(clean_up)
    asyncio.run(_make_template(postgres.dsn))


def pytest_unconfigure() -> None:
    """Leave the run's PostgreSQL, which is about to stop."""
    if _maintenance.cache_info().currsize:
        _maintenance().close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what this run left out."""
    skipped = [one.nodeid for one in terminalreporter.stats.get("skipped", [])]
    for name, service in SERVICES.items():
        if service.missing and any(name in one for one in skipped):
            terminalreporter.write_line(f"Stores of the kind {name} were left out: {service.missing}.")
    if pgbouncer_program() is None:
        terminalreporter.write_line(f"Tests behind a pooler were left out: {MISSING_PGBOUNCER}.")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip tests that need a server on Windows: no server runs there, and clients call one elsewhere."""
    if sys.platform == "win32":
        for item in items:
            if "direct_url" in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.skip(reason="no server runs on Windows"))


def _has_room(folder: Path) -> bool:
    return folder.is_dir() and shutil.disk_usage(folder).free > _ROOM_BYTES


async def _make_template(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        # Nothing here must outlive a crash of the machine.
        await connection.execute("ALTER SYSTEM SET fsync = off")
        await connection.execute("ALTER SYSTEM SET synchronous_commit = off")
        _let_in_all_roles(str(await connection.fetchval("SHOW hba_file")))
        await connection.execute("SELECT pg_reload_conf()")
        await connection.execute(f"CREATE DATABASE {_TEMPLATE}")
    finally:
        await connection.close()
    database = await Database.connect(_with_database(url, _TEMPLATE))
    await migrate(database)
    await database.close()


def _let_in_all_roles(rules: str) -> None:
    """Let in the roles that tests make, and a pooler of another user; the server's PostgreSQL lets in its own alone."""
    file = Path(rules)
    file.write_text("local all all trust\n" + file.read_text(encoding="utf-8"), encoding="utf-8")


def _with_database(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


@pytest.fixture(autouse=True)
def _interrupts() -> Iterator[None]:
    """Fail a test that leaves another handler of interrupts: later tests interrupt a populate."""
    before = signal.getsignal(signal.SIGINT)
    yield
    after = signal.getsignal(signal.SIGINT)
    if after is not before:
        signal.signal(signal.SIGINT, before)
        pytest.fail(f"This test leaves the handler {after} of SIGINT, where {before} was.")


@pytest.fixture
def direct_url() -> Iterator[str]:
    """A database for this test alone, with an empty catalog, without a pooler before it."""
    with cloned() as url:
        yield url


@pytest.fixture
def database_url(request: pytest.FixtureRequest, direct_url: str) -> Iterator[str]:
    """A database for this test alone, with an empty catalog; behind a pooler if the parameter is `pooled`."""
    if getattr(request, "param", "direct") == "direct":
        yield direct_url
        return
    if pgbouncer_program() is None:
        if "CI" in os.environ:
            pytest.fail(MISSING_PGBOUNCER)
        pytest.skip(MISSING_PGBOUNCER)
    with pgbouncer(direct_url) as url:
        yield url


@contextmanager
def cloned(url: str | None = None) -> Iterator[str]:
    """Clone a database without connections for the length of the block; by default the one with an empty catalog."""
    template = _TEMPLATE if url is None else urlsplit(url).path.removeprefix("/")
    name = f"test_{uuid4().hex}"
    _maintenance().execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    try:
        yield _with_database(os.environ[_URL], name)
    finally:
        _maintenance().drop_soon(name)


class _Maintenance:
    """A connection to the run's PostgreSQL, which makes and drops databases."""

    def __init__(self) -> None:
        # A thread of its own: in that of the tests, a browser that Playwright drives has a loop.
        self._thread = ThreadPoolExecutor(1)
        self._runner = asyncio.Runner()
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._left: deque[str] = deque()

    def execute(self, statement: str) -> None:
        self._thread.submit(self._runner.run, self._execute(statement)).result()

    def drop_soon(self, name: str) -> None:
        """Drop a database a few tests later: PostgreSQL takes 0.1 s for one whose last connections have just closed."""
        self._left.append(name)
        if len(self._left) > _LEFT:
            self.execute(f"DROP DATABASE {self._left.popleft()} WITH (FORCE)")

    async def _execute(self, statement: str) -> None:
        if self._connection is None:
            self._connection = await asyncpg.connect(os.environ[_URL])
        await self._connection.execute(statement)

    def close(self) -> None:
        if self._connection is not None:
            self._thread.submit(self._runner.run, self._connection.close()).result()
        self._thread.submit(self._runner.close).result()


@cache
def _maintenance() -> _Maintenance:
    return _Maintenance()


@pytest_asyncio.fixture
async def connection(direct_url: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A connection to the test's database."""
    opened = await asyncpg.connect(direct_url, server_settings={"timezone": "UTC", "search_path": "pg_catalog"})
    yield opened
    await opened.close()


@pytest.fixture(scope="session")
def bucket_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SettingsOf]:
    """Returns a bucket of a service, which starts when a test first asks for it."""
    with ExitStack() as stack:
        yield cache(lambda name: stack.enter_context(SERVICES[name].serve(tmp_path_factory.mktemp(name))))


@pytest.fixture
def store_folders(request: pytest.FixtureRequest, bucket_of: SettingsOf, tmp_path: Path) -> StoreFolders:
    """Two stores for this test alone: folders, or of the kinds that the parameter names, as `stores_of` knows them."""
    return stores_of(getattr(request, "param", "folder"), bucket_of, tmp_path)


@pytest_asyncio.fixture
async def engine(database_url: str, store_folders: StoreFolders) -> AsyncIterator[Engine]:
    """The parts that operations use, on the test's database."""
    async with opened_engine(database_url, store_folders) as opened:
        yield opened


@pytest_asyncio.fixture
async def other_engine(database_url: str, store_folders: StoreFolders) -> AsyncIterator[Engine]:
    """The parts of another server, on the same database and stores."""
    async with opened_engine(database_url, store_folders) as opened:
        yield opened


@asynccontextmanager
async def opened_engine(database_url: str, stores: StoreFolders) -> AsyncIterator[Engine]:
    """Make the parts that operations use."""
    database = await Database.connect(database_url)
    lookout = Lookout(database)
    objects = ObjectStorage(database_url, stores)
    signer, downstream = await read_signer(database), Downstream()
    permissions = PermissionsCache(database)
    await permissions.read()
    gate = Gate(CatalogCache(database), permissions, stored_relation)
    supervision = Supervision()
    supervision.repeat("downstream", downstream.refresh)
    yield Engine(database, gate, lookout, signer, objects, downstream, Refreshes(), asked_again)
    await supervision.close()
    await objects.close()
    await lookout.close()
    await database.close()


@pytest.fixture
def server_address(database_url: str, store_folders: StoreFolders, tmp_path: Path) -> Iterator[str]:
    """The address of a server on the test's database: a real server, with a real socket, in its own thread."""
    if python := os.environ.get(_SERVER_PYTHON):
        with served_by(python, database_url, store_folders, tmp_path) as address:
            yield address
    else:
        with served(database_url, stores=store_folders) as address:
            yield address


@contextmanager
def served_by(python: str, database_url: str, stores: StoreFolders, folder: Path) -> Iterator[str]:
    """Serve a database by the server of another installation, which migrates the catalog to its own form first.

    Args:
        python: The interpreter of that installation.
        folder: The folder for the server's settings.
    """
    settings = folder / "stores.toml"
    named = "".join(
        f"[stores.{name}]\nfolder = '{place}'\nregister = {{ '*' = [''] }}\n" for name, place in stores.folders.items()
    )
    settings.write_text(f'preferred = "{stores.preferred}"\n{named}', encoding="utf-8")
    options = ["--database-url", database_url, "--listen", "127.0.0.1:0", "--grace", "0.1"]
    options += ["--stores", str(settings), "--data-dir", str(folder)]
    command = [python, "-m", "levada_server", "serve", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[4]
        finally:
            process.terminate()


@contextmanager
def served(
    database_url: str,
    limits: TransactionLimits | None = None,
    stores: StoreFolders | None = None,
    owner_url: str | None = None,
    issuer: IssuerSettings | None = None,
    web: WebSettings | None = None,
) -> Iterator[str]:
    """Serve a database on a private socket for the length of the block."""
    settings = Settings(
        database_url=database_url,
        owner_url=owner_url,
        data_folder=Path(),
        listen=private_address(),
        grace_s=0.1,
        transaction_limits=limits or TransactionLimits(),
        stores=stores or StoreFolders(),
        issuer=issuer,
        web=web,
    )
    ready = threading.Event()
    outcome: list[str | BaseException] = []
    stop = asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def run() -> None:
        loops.append(asyncio.get_running_loop())
        try:
            async with running(settings) as (_, address):
                outcome.append(address)
                ready.set()
                await stop.wait()
        except BaseException as error:
            outcome.append(error)
            ready.set()
            raise

    # `asyncio.run` ends what asyncpg's pool leaves behind, such as the goodbye of a connection that it has replaced.
    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    ready.wait()
    if isinstance(outcome[0], BaseException):
        thread.join()
        raise outcome[0]
    try:
        yield outcome[0]
    finally:
        loops[0].call_soon_threadsafe(stop.set)
        thread.join()

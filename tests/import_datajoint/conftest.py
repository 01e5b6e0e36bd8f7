"""The two laboratories that DataJoint wrote, in their own databases, and a server that takes them."""

from __future__ import annotations

import asyncio
import io
import json
import os
import shutil
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest

import levada as lv
from levada._cli import main
from levada_server.storage.objects.storage import StoreFolders
from tests.conftest import served
from tests.support.client import forget_default_connection
from tests.support.mariadb import MISSING, MariaDB, installed, mariadb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TESTS = ("levada._cli.main",)
SAMPLES = Path(__file__).parents[1] / "samples" / "import_datajoint"

USERS = """
CREATE USER 'anna'@'%' IDENTIFIED BY 'x'; GRANT SELECT ON `lab`.* TO 'anna'@'%';
CREATE USER 'ben'@'%' IDENTIFIED BY 'x'; GRANT SELECT, INSERT, UPDATE, DELETE ON `a-animal`.* TO 'ben'@'%';
CREATE USER 'cleo'@'%' IDENTIFIED BY 'x'; GRANT ALL PRIVILEGES ON `Upper`.* TO 'cleo'@'%';
"""

DECISIONS = """
[decisions]
"spelling:lab.kin.*" = "parent"
"foreign-key:loop.hen.hen_ibfk_1" = "plain"
"zero-date:*" = "null"
"default:*" = "null"
"set:lab.*" = "json"
"default:lab.mark.flags" = "none"
"timestamp-zone" = "utc"
"""


@pytest.fixture(autouse=True)
def fetched_files(tmp_path: Path) -> Iterator[None]:
    """Files of attachments go into a folder of the test."""
    with lv.config.override(download_path=str(tmp_path)):
        yield


@pytest.fixture(autouse=True)
def no_default_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test uses the connection that another has left behind."""
    forget_default_connection(monkeypatch)


@pytest.fixture(scope="session")
def lab_0_14(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDB]:
    """A MariaDB with the laboratory of DataJoint 0.14; tests leave it as it is."""
    if not installed():
        pytest.skip(MISSING)
    with mariadb(tmp_path_factory.mktemp("mariadb") / "m") as server:
        server.run((SAMPLES / "lab_0_14.sql").read_text(encoding="utf-8") + USERS)
        yield server


@pytest.fixture(scope="module")
def lab_2_3(server: str) -> Iterator[str]:
    """The address of a PostgreSQL database with the laboratory of DataJoint 2.3."""
    url = os.environ["LEVADA_TEST_DATABASE_URL"]
    name = f"lab_{uuid4().hex}"
    target = urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
    asyncio.run(_execute(url, f"CREATE DATABASE {name}"))
    asyncio.run(_execute(target, (SAMPLES / "lab_2_3.sql").read_text(encoding="utf-8")))
    yield target
    asyncio.run(_execute(url, f"DROP DATABASE {name} WITH (FORCE)"))


async def _execute(url: str, statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statements)
    finally:
        await connection.close()


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> StoreFolders:
    """Two stores for the tests of a module."""
    folder = tmp_path_factory.mktemp("stores")
    folders = {name: folder / name for name in ("main", "raw")}
    for place in folders.values():
        place.mkdir()
    return StoreFolders(folders, "main", registrable={"raw": {"*": ("",)}})


@pytest.fixture(scope="module")
def server(stores: StoreFolders) -> Iterator[str]:
    """The address of a server for the tests of a module: an import is much work, and each leaves it as it was."""
    if sys.platform == "win32":
        pytest.skip("no server runs on Windows")
    url = os.environ["LEVADA_TEST_DATABASE_URL"]
    name = f"test_{uuid4().hex}"
    asyncio.run(_execute(url, f"CREATE DATABASE {name} TEMPLATE levada_template"))
    with served(urlunsplit(urlsplit(url)._replace(path=f"/{name}")), stores=stores) as address:
        yield address
    asyncio.run(_execute(url, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def connection(server: str) -> Iterator[lv.Connection]:
    with lv.Connection(server) as opened:
        yield opened


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory, stores: StoreFolders) -> Path:
    """A file of decisions that answers every question of 0.14; `ext` is copied, and `raw` is a store here already.

    Its stores are those of 2.3, too, which asks nothing.
    """
    folder = tmp_path_factory.mktemp("decisions")
    for version in ("0_14", "2_3"):
        there = SAMPLES / f"stores_{version}"
        shutil.copytree(there / "raw", stores.folders["raw"], dirs_exist_ok=True)
        shutil.copytree(there / "ext", folder / "ext", dirs_exist_ok=True)
    file = folder / "decisions.toml"
    text = (
        f'[stores]\next = {{ folder = "{folder / "ext"}", to = "main" }}\n'
        f'raw = {{ folder = "{stores.folders["raw"]}", to = "raw" }}\n'
    )
    file.write_text(DECISIONS + text, encoding="utf-8")
    return file


@pytest.fixture
def decisions(tmp_path: Path, answered: Path) -> Path:
    """The file of decisions, for one test to change."""
    return Path(shutil.copy(answered, tmp_path))


@pytest.fixture(scope="module")
def bring(server: str) -> Callable[..., tuple[int, Any]]:
    """Run the command, and return its exit code and its JSON."""

    def run(url: str, *words: str | Path) -> tuple[int, Any]:
        with redirect_stdout(io.StringIO()) as written, redirect_stderr(io.StringIO()) as told:
            code = main.main(["import-datajoint", url, *map(str, words), "--json", "--url", server])
        return code, json.loads(written.getvalue() or told.getvalue())

    return run


@pytest.fixture(scope="module")
def imported_0_14(bring: Callable[..., tuple[int, Any]], lab_0_14: MariaDB, answered: Path) -> dict[str, Any]:
    """The report of the import of 0.14."""
    code, told = bring(lab_0_14.url, "--decisions", answered, "--yes")
    assert "report" in told, told
    assert (code, told["report"]["equal"]) == (0, True)
    return dict(told)


@pytest.fixture(scope="module")
def imported_2_3(bring: Callable[..., tuple[int, Any]], lab_2_3: str, answered: Path) -> dict[str, Any]:
    """The report of the import of 2.3."""
    text = answered.read_text(encoding="utf-8")
    stores = answered.with_name("stores.toml")
    stores.write_text(text[text.index("[stores]") :], encoding="utf-8")
    code, told = bring(lab_2_3, "--decisions", stores, "--yes")
    assert "report" in told, told
    assert (code, told["report"]["equal"]) == (0, True)
    return dict(told)


@pytest.fixture
def brought(imported_0_14: dict[str, Any], connection: lv.Connection) -> Callable[[str], lv.FreeTable]:
    """Return tables of the laboratory of 0.14, by their names here."""
    return lambda name: lv.FreeTable(connection, name)


@pytest.fixture
def brought_2(imported_2_3: dict[str, Any], connection: lv.Connection) -> Callable[[str], lv.FreeTable]:
    """Return tables of the laboratory of 2.3, by their names here."""
    return lambda name: lv.FreeTable(connection, name)

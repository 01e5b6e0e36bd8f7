"""A server with a dashboard and a small pipeline for tests in a browser, and checks of what it shows."""

from __future__ import annotations

import asyncio
import importlib
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from axe_playwright_python.sync_playwright import Axe

import levada as lv
from levada_api.v1 import access_pb2
from levada_api.v1 import access_service_pb2 as access
from tests.support.browser import serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import ModuleType

    import pytest
    from playwright.sync_api import Page

HOSTILE = "<img src=x onerror=alert(1)>{@html}<script>alert(2)</script>"
"""A text that would run if the page took it for HTML."""
MODULE = "dashboard_pipeline"
SESSIONS = 6
PIPELINE = f'''
import os
import levada as lv

here = os.path.dirname(__file__)
schema = lv.Schema("lab")


@schema
class Subject(lv.Manual):
    definition = """
    # Animals {HOSTILE}
    subject : int32  # number {HOSTILE}
    ---
    name : varchar(80)  # as it is called
    sex = null : enum('M', 'F')
    born = null : date
    weight = 1.5 : float64  # kg
    """


@schema
class Session(lv.Manual):
    definition = """
    -> Subject
    session : int32
    ---
    note = '' : varchar(400)
    """


@schema
class Rate(lv.Computed):
    definition = """
    -> Session
    ---
    rate : float64
    """

    def make(self, key):
        print("reading", key["session"], "{HOSTILE}")
        if key["session"] == 3 and not os.path.exists(os.path.join(here, "mended")):
            raise ValueError("no spikes in {HOSTILE}")
        self.insert1(dict(key, rate=key["session"] / 2))
'''
SIZES = {"laptop": (1280, 800), "phone": (390, 844)}


@contextmanager
def served_dashboard(database_url: str, folder: Path) -> Iterator[str]:
    """Serve a database with its dashboard, in a thread of its own; return its address for clients."""
    found: list[str | BaseException] = []
    ready = threading.Event()
    loops: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def run() -> None:
        stop = asyncio.Event()
        loops.append((asyncio.get_running_loop(), stop))
        try:
            async with serving(database_url, folder) as served:
                found.append(served.address)
                ready.set()
                await stop.wait()
        except BaseException as error:
            found.append(error)
            ready.set()
            raise

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    ready.wait()
    if isinstance(found[0], BaseException):
        thread.join()
        raise found[0]
    try:
        yield found[0]
    finally:
        loop, stop = loops[0]
        loop.call_soon_threadsafe(stop.set)
        thread.join()


@contextmanager
def pipeline(address: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Declare the pipeline, from a module that workers can import; one subject has six sessions.

    The `make` of session 3 fails until the folder has a file `mended`.
    """
    (folder / f"{MODULE}.py").write_text(PIPELINE, encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("LEVADA_URL", address)
    with lv.connect(address):
        module = importlib.import_module(MODULE)
        module.Subject.insert1({"subject": 1, "name": HOSTILE, "sex": "M"})
        module.Session.insert([{"subject": 1, "session": n, "note": HOSTILE} for n in range(SESSIONS)])
        yield module
    del sys.modules[MODULE]


def add_user(address: str, name: str, role: access_pb2.Role) -> str:
    """Add a user with a role on the schema `lab`; return a token."""
    grant = access_pb2.Grant(grantee=name, role=role, schema="lab")
    with lv.Connection(address) as connection:
        connection.call("AccessService/CreateUser", access.CreateUserRequest(name=name), access.CreateUserResponse)
        connection.call("AccessService/GrantRole", access.GrantRoleRequest(grant=grant), access.GrantRoleResponse)
        made = connection.call(
            "AccessService/CreateToken", access.CreateTokenRequest(user=name), access.CreateTokenResponse
        )
    return made.secret


def barriers(page: Page) -> list[str]:
    """Return what bars people who use a keyboard or a screen reader, by axe-core; and what does not fit the width."""
    found = [
        f"{violation['id']}: {node['target']} {node['failureSummary']}"
        for violation in Axe().run(page).response["violations"]
        for node in violation["nodes"]
    ]
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return [*found, f"{wide} pixels too wide"] if wide > 0 else found

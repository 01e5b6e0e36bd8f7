"""`python -m benchmarks.dashboard`: how quickly the dashboard shows a large lab, in Chromium.

The lab has 300 tables, one with a million jobs and one with ten million rows; it takes about 4 GB, which are deleted at
the end. Each step goes to a place of the page as a reader does, several times, and prints the slowest of the calls that
the page made there, in the quickest of these visits: on a busy machine the others tell of its other work, as the bare
call does that is printed beside them. The data are made once, in the database where that is quicker.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import asyncpg
import numpy as np
import pyarrow as pa

import levada as lv
from benchmarks.timing import shown
from levada_api.v1 import access_service_pb2, job_service_pb2, schema_pb2
from levada_server.embedded import embedded
from tests.support.browser import TIMEOUT_S, signed_in
from tests.support.private_address import private_address
from tests.support.processes import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page, Request

TABLES = 300
SCHEMAS = 10
JOBS = 1_000_000
SUBJECTS, SAMPLES = 100, 100_000
"""The large table has their product as its number of rows."""
FIRST_VIEW_S = 2.0
CALL_S = 0.5
"""The targets: until the first view stands, and for each call at the server."""
VISITS = 5
TURNED_PAGES = 200
MEMORY_MB = 20.0
"""How much the page may grow while that number of pages is turned."""
BIG = "#/table/big/Sample"
QUEUE = "#/jobs/queue/Target"


def main() -> int:
    """Make the lab, measure, print, and return 1 if a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dashboard", description=__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="of the jobs and rows (default: all)")
    parser.add_argument("--only", default="", help="the steps that have this in their name (default: all)")
    parser.add_argument("--keep", type=Path, help="a folder in which the lab is kept, and found again")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = options.keep
        if folder is None:
            folder = Path(tempfile.mkdtemp(prefix="levada-bench-"))
            stack.callback(shutil.rmtree, folder)
        folder.mkdir(exist_ok=True)
        folder.chmod(0o711)  # as root, PostgreSQL runs as another user, who needs access
        made = (folder / "made").exists()
        postgres = embedded.start(folder)
        stack.callback(postgres.stop)
        address = private_address()
        stack.enter_context(Server(postgres.dsn, address, "--data-dir", str(folder)))
        connection = stack.enter_context(lv.Connection(address))
        if not made:
            _make_tables(connection)
            _make_jobs(connection, postgres.dsn, int(JOBS * options.share))
            _make_rows(connection, int(SAMPLES * options.share))
            with _timed("VACUUM"):
                _execute(postgres.dsn, "VACUUM ANALYZE")
            (folder / "made").touch()
        measured = Measured()
        _measure(connection, address, measured, options.only)
    return int(measured.missed)


@dataclass
class Measured:
    """Prints figures beside their targets."""

    missed: bool = False

    def line(self, work: str, value: float, target: float | None, unit: str = "s", detail: str = "") -> None:
        """Print one figure; without a target, for comparison."""
        written = shown(value) if unit == "s" else f"{value:.1f} {unit}"
        if target is None:
            print(f"       {work}: {written}{detail}", flush=True)
            return
        self.missed |= value > target
        mark = "met   " if value <= target else "MISSED"
        print(f"{mark} {work}: {written} (target {target:g} {unit}){detail}", flush=True)


@contextlib.contextmanager
def _timed(work: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    print(f"-- {work}: {time.perf_counter() - began:.0f} s", flush=True)


def _make_tables(connection: lv.Connection) -> None:
    """Declare schemas of chains and trees of tables, half of them computed."""
    with _timed(f"{TABLES} tables"):
        for number in range(SCHEMAS):
            schema = lv.Schema(f"lab{number}", connection=connection)
            tables: dict[str, Any] = {}
            for one in range(TABLES // SCHEMAS):
                parent = f"-> T{(one - 1) // 2}\n" if one else ""
                tier = lv.Computed if one >= TABLES // SCHEMAS // 2 else lv.Manual
                members = {"make": lambda *_: None} if tier is lv.Computed else {}
                definition = f"{parent}id{one} : int32\n---\nx = 0.5 : float64\n"
                tables[f"T{one}"] = _declare(schema, tier, f"T{one}", definition, dict(tables), **members)


def _make_jobs(connection: lv.Connection, dsn: str, count: int) -> None:
    """Two thirds of the jobs have succeeded, a sixth has failed, a sixth waits."""
    with _timed(f"{count} jobs"):
        schema = lv.Schema("queue", connection=connection)
        source = _declare(schema, lv.Manual, "Source", "id : int64")
        source.insert(pa.table({"id": range(count)}))
        target = _declare(schema, lv.Computed, "Target", "-> Source", {"Source": source}, make=lambda *_: None)
        target.jobs.refresh()
        found = _value(
            dsn,
            "SELECT 'levada_jobs.t' || t.id || ' queue.' || quote_ident(t.stored_name) FROM levada.table AS t"
            " JOIN levada.schema AS s ON s.id = t.schema_id WHERE s.name = 'queue' AND t.name = 'Target'",
        )
        jobs, results = str(found).split()
        _execute(
            dsn,
            f"""
            UPDATE {jobs} SET _state = CASE WHEN id % 6 < 4 THEN 'success' ELSE 'error' END,
                _attempt = 1 + id % 3, _lease_token = gen_random_uuid(), _host = 'host' || id % 20,
                _reserved_time = now() AT TIME ZONE 'UTC' - make_interval(secs => id), _duration = random() * 100,
                _finished_time = now() AT TIME ZONE 'UTC' - make_interval(secs => id) / 2,
                _error_type = CASE WHEN id % 6 = 4 THEN 'ValueError' END,
                _error_message = CASE WHEN id % 6 = 4 THEN 'no spikes in ' || id END,
                _error_stack = CASE WHEN id % 6 = 4 THEN repeat('x', 1000) END
            WHERE id % 6 < 5
            """,  # noqa: S608  # the name of a table
        )
        keys = f"generate_series(0, {count - 1}) AS id"
        _execute(dsn, f"INSERT INTO {results} SELECT id FROM {keys} WHERE id % 6 < 4")  # noqa: S608  # as above


def _declare(
    schema: lv.Schema, tier: type, name: str, definition: str, context: dict[str, Any] | None = None, **members: object
) -> Any:  # Any: the classes of tables are made here
    return schema(type(name, (tier,), {"definition": definition, **members}), context=context or {})


def _execute(dsn: str, statement: str) -> None:
    _value(dsn, statement)


def _value(dsn: str, statement: str) -> object:
    """Execute a statement in PostgreSQL, and return its value."""

    async def run() -> object:
        connection = await asyncpg.connect(dsn)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    return asyncio.run(run())


def _make_rows(connection: lv.Connection, samples: int) -> None:
    """Insert the rows of each subject by the client."""
    with _timed(f"{SUBJECTS * samples} rows"):
        schema = lv.Schema("big", connection=connection)
        definition = """
        subject : int32
        sample : int64
        ---
        moment : datetime
        kind : enum('left', 'right', 'none')
        value : float64
        other = null : float64
        note = '' : varchar(40)
        index (moment)
        """
        table = _declare(schema, lv.Manual, "Sample", definition)
        random = np.random.default_rng(0)
        number = np.arange(samples)
        for subject in range(SUBJECTS):
            values = random.random(samples)
            seconds = 1_600_000_000 + subject * samples + number
            rows = {
                "subject": pa.array(np.full(samples, subject, dtype=np.int32)),
                "sample": pa.array(number),
                "moment": pa.array(seconds * 1_000_000, pa.timestamp("us")),
                "kind": pa.array(np.take(["left", "right", "none"], random.integers(0, 3, samples))),
                "value": pa.array(values),
                "other": pa.array(np.where(values < 0.5, values, np.nan), mask=values >= 0.5),
                "note": pa.array([f"note {one}" for one in random.integers(0, 1000, samples)]),
            }
            table.insert(pa.table(rows))


@dataclass
class _Calls:
    """The calls of a page, without the stream of progress."""

    page: Page
    running: set[Request] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.page.on("request", self._begin)
        self.page.on("requestfinished", lambda request: self.running.discard(request))
        self.page.on("requestfailed", lambda request: self.running.discard(request))

    def _begin(self, request: Request) -> None:
        if "/levada_api.v1." in request.url and "Watch" not in request.url:
            self.running.add(request)

    def wait(self) -> None:
        """Wait until nothing loads any more, counts included."""
        loaded = """() => document.querySelector("main h1") && !document.querySelector("main [aria-busy=true]")
            && document.querySelector("main tbody tr, main [role=alert], main summary, main .long")"""
        end = time.monotonic() + TIMEOUT_S
        while self.running or not self.page.evaluate(loaded):  # the page's policy lets no function wait in it
            assert time.monotonic() < end, self.page.url
            self.page.wait_for_timeout(5)

    def take(self) -> list[tuple[float, str]]:
        """Return the calls since the last time: from the request to the end of the answer, and the name of each."""
        found = self.page.evaluate(
            """() => {
                const found = performance.getEntriesByType("resource");
                performance.clearResourceTimings();
                // One that the page has ended has no start.
                const calls = found.filter((one) => one.requestStart && one.name.includes("/levada_api.v1."));
                return calls.map((one) => [(one.responseEnd - one.requestStart) / 1000, one.name.split("/").at(-1)]);
            }"""
        )
        return [(took, name) for took, name in found if "Watch" not in name]


def _measure(connection: lv.Connection, address: str, measured: Measured, only: str) -> None:
    if not only:
        _first_views(address, measured)
    _progress(connection, measured)
    with signed_in(address, viewport={"width": 1280, "height": 800}) as (page, complaints):
        calls = _Calls(page)
        for work, place_of in ((work, place) for work, place in STEPS.items() if only in work):
            visits = [_visit(page, calls, place_of) for _ in range(VISITS)]
            (took, name), until = min(visits)
            bare = min(_called(connection) for _ in range(VISITS))
            detail = f"; {name}, the view {shown(until)}; beside a bare call of {shown(bare)}"
            measured.line(work, took, CALL_S, "s", detail)
            for button in ("Look through all", "Count all"):
                if (found := page.get_by_role("button", name=button)).count():
                    found.click()
                    calls.wait()
                    measured.line(f"{work}: {button}", max(calls.take())[0], None)
        if not only:
            _memory(page, calls, measured)
        assert complaints.errors == [], complaints.errors


def _visit(page: Page, calls: _Calls, place: str) -> tuple[tuple[float, str], float]:
    """Go to a place from another; return the slowest call with its name, and the seconds until all is shown."""
    page.evaluate("place => { location.hash = place }", "#/nowhere")
    page.get_by_text("No such page").wait_for()
    calls.take()
    began = time.perf_counter()
    page.evaluate("place => { location.hash = place }", place)
    calls.wait()
    until = time.perf_counter() - began
    return max(calls.take()), until


def _called(connection: lv.Connection) -> float:
    """Return how long a call takes that does nothing."""
    began = time.perf_counter()
    connection.call(
        "AccessService/GetCaller", access_service_pb2.GetCallerRequest(), access_service_pb2.GetCallerResponse
    )
    return time.perf_counter() - began


STEPS = {
    "the list of tables": "#/table",
    "the jobs of all tables": "#/jobs",
    "the workers": "#/workers",
    **{
        f"rows: {work}": f"{BIG}?{'&'.join(f'{name}={quote(text)}' for name, text in query.items())}"
        for work, query in {
            "first page": {},
            "page 100 000": {"page": "100000", "at": f'["after","{SUBJECTS // 2}","7"]'},
            "by an attribute with an index": {"order": "moment"},
            "page 100 000 of the same": {
                "order": "moment",
                "page": "100000",
                "at": f'["after","2020-11-10 16:26:40","{SUBJECTS // 2}","0"]',
            },
            "by the same, descending": {"order": "moment DESC"},
            "by an attribute without an index": {"order": "value DESC"},
            "filter by the key": {"filter": "subject = 50"},
            "filter by an index": {"filter": "moment > '2020-12-01'"},
            "filter by an index, a day": {"filter": "moment > '2020-12-01' AND moment < '2020-12-02'"},
            "filter that a third meets": {"filter": "kind = 'left'"},
            "filter by a text": {"filter": "note LIKE '%99%'"},
            "filter without an index that 10 meet": {"filter": "value < 0.000001"},
        }.items()
    },
    "data entry": "#/entry/big/Sample",
    "jobs: first page": QUEUE,
    "jobs: successes": f"{QUEUE}?state=success",
    "jobs: successes by duration": f"{QUEUE}?state=success&order=duration%20DESC",
    "jobs: successes by tries": f"{QUEUE}?state=success&order=attempt%20DESC",
    "jobs: errors": f"{QUEUE}?state=error",
    "jobs: errors by duration": f"{QUEUE}?state=error&order=duration%20DESC",
    "jobs: pending": f"{QUEUE}?state=pending",
    "jobs: all by the time of their finish": f"{QUEUE}?order=finished_time%20DESC",
    "jobs: all by duration": f"{QUEUE}?order=duration%20DESC",
    "jobs: page 10 000": f"{QUEUE}?page=10000&at=%5B%22after%22%2C%22500000%22%5D",
    "jobs: filter": f"{QUEUE}?state=error&filter=attempt%20%3E%201",
}


def _first_views(address: str, measured: Measured) -> None:
    """Open the page as for the first time, and wait for the graph with its bars."""
    times = []
    for _ in range(3):
        with signed_in(address, viewport={"width": 1280, "height": 800}) as (page, _complaints):
            url = page.url
            page.goto("about:blank")
            began = time.perf_counter()
            page.goto(url)
            page.get_by_role("region", name="Graph of tables").get_by_role("link").first.wait_for()
            times.append(time.perf_counter() - began)
    measured.line(f"first view of {TABLES} tables", min(times), FIRST_VIEW_S, "s", f"; {', '.join(map(shown, times))}")


def _progress(connection: lv.Connection, measured: Measured) -> None:
    request = job_service_pb2.GetProgressRequest(names=[schema_pb2.TableName(schema="queue", table="Target")])
    times = []
    for _ in range(5):
        began = time.perf_counter()
        connection.call("JobService/GetProgress", request, job_service_pb2.GetProgressResponse)
        times.append(time.perf_counter() - began)
    measured.line("progress of a million jobs", min(times), CALL_S, "s", f"; {', '.join(map(shown, times))}")


def _memory(page: Page, calls: _Calls, measured: Measured) -> None:
    """Turn pages of rows, and compare the memory of the page."""
    devtools = page.context.new_cdp_session(page)

    def used_mb() -> float:
        devtools.send("HeapProfiler.collectGarbage")
        return float(devtools.send("Runtime.getHeapUsage")["usedSize"]) / 1e6

    page.evaluate("place => { location.hash = place }", f"{BIG}?filter=subject%20%3D%201")
    calls.wait()
    before = used_mb()
    for _ in range(TURNED_PAGES):
        page.get_by_role("button", name="Next").click()
        calls.wait()
    after = used_mb()
    detail = f"; {before:.1f} MB before, {after:.1f} MB after"
    measured.line(f"growth of the page by {TURNED_PAGES} pages of rows", after - before, MEMORY_MB, "MB", detail)


if __name__ == "__main__":
    sys.exit(main())

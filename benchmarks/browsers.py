"""`python -m benchmarks.browsers`: how much of a core 50 browsers that show the dashboard cost the server.

Each makes the calls of a page that is looked at: it watches the progress of all computed tables, and asks once in some
seconds for the diagram and a page of rows. They keep their connections, as browsers do.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import psutil

import levada as lv
from levada_api.v1 import (
    access_service_pb2,
    job_service_pb2,
    query_service_pb2,
    relation_pb2,
    schema_pb2,
    schema_service_pb2,
)
from levada_server.embedded import embedded

BROWSERS = 50
EVERY_S = 5.0
"""The pause of a page between two rounds of its calls."""
SECONDS = 60.0
TABLES = 30
ROWS = 10_000
SHOWN_ROWS = 50
TARGET = 0.1
"""A share of a core."""
TIMEOUT_S = 60.0
_TYPE = "application/grpc-web+proto"
_PACKAGE = "/levada_api.v1."


def main() -> int:
    """Measure, print, and return 1 if the target is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.browsers", description=__doc__)
    parser.add_argument("--browsers", type=int, default=BROWSERS, help="how many (default: %(default)s)")
    parser.add_argument("--every", type=float, default=EVERY_S, help="seconds between rounds (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how long to measure (default: %(default)s)")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="levada-bench-"))
    folder.chmod(0o711)  # as root, PostgreSQL runs as another user, who needs access
    postgres = embedded.start(folder)
    try:
        return _measure(postgres.dsn, folder, options.browsers, options.every, options.seconds)
    finally:
        postgres.stop()
        shutil.rmtree(folder)


def _measure(dsn: str, folder: Path, browsers: int, every: float, seconds: float) -> int:
    command = [sys.executable, "-m", "levada_server", "serve", "--database-url", dsn, "--listen", "127.0.0.1:0"]
    command += ["--web", "0", "--data-dir", str(folder), "--log-level", "WARNING"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            address = server.stdout.readline().split()[4]
            with lv.connect(address) as connection:
                calls = _calls(connection)
                opened = connection.call(
                    "AccessService/OpenDashboard",
                    access_service_pb2.OpenDashboardRequest(),
                    access_service_pb2.OpenDashboardResponse,
                )
                head = _signed_in(opened.url, opened.code)
                process = psutil.Process(server.pid)
                used, latencies = asyncio.run(_crowd(opened.url, head, calls, process, browsers, every, seconds))
        finally:
            server.terminate()
    share = used / seconds
    print(f"{browsers} browsers that watch, with {len(calls) - 1} calls each {every:g} s, for {seconds:g} s")
    print(f"the server used {share:.1%} of a core (target: < {TARGET:.0%})")
    slowest = statistics.quantiles(latencies, n=100)[98]
    print(f"latency: median {statistics.median(latencies) * 1e3:.1f} ms, 99 % below {slowest * 1e3:.1f} ms")
    return int(share >= TARGET)


def _calls(connection: lv.Connection) -> list[bytes]:
    """Declare tables with rows; return the bodies of a page's calls, each after its path; the first is a stream."""
    schema = lv.Schema("lab", connection=connection)
    tables: dict[str, type] = {}
    for number in range(TABLES):
        parent = f"-> T{(number - 1) // 2}\n" if number else ""
        definition = f"{parent}id{number} : int32\n---\nx = 0.5 : float64\nname = '' : varchar(20)\n"
        tier = lv.Computed if number >= TABLES // 2 else lv.Manual
        tables[f"T{number}"] = schema(type(f"T{number}", (tier,), {"definition": definition}), context=dict(tables))
    tables["T0"]().insert([{"id0": number, "name": f"row {number}"} for number in range(ROWS)])
    names = [schema_pb2.TableName(schema="lab", table=name) for name in tables]
    rows = relation_pb2.Relation(
        nodes=[
            relation_pb2.RelationNode(table=relation_pb2.TableOperand(name=names[0])),
            relation_pb2.RelationNode(top=relation_pb2.Top(limit=SHOWN_ROWS)),
        ]
    )
    requests = {
        "JobService/WatchProgress": job_service_pb2.WatchProgressRequest(names=names[TABLES // 2 :]),
        "SchemaService/LayOutGraph": schema_service_pb2.LayOutGraphRequest(tables=names),
        "QueryService/FetchFewRows": query_service_pb2.FetchFewRowsRequest(
            fetch=query_service_pb2.FetchRelationRequest(relation=rows)
        ),
    }
    bodies = []
    for name, request in requests.items():
        content = request.SerializeToString()
        body = struct.pack(">BI", 0, len(content)) + content
        bodies.append(f"POST {_PACKAGE}{name} HTTP/1.1\r\ncontent-length: {len(body)}\r\n".encode() + b"{}" + body)
    return bodies


def _signed_in(url: str, code: str) -> bytes:
    """Exchange a code, and return the headers of a browser that has done so."""
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc}"
    made = HTTPConnection(parts.netloc, timeout=TIMEOUT_S)
    content = access_service_pb2.ExchangeCodeRequest(code=code).SerializeToString()
    headers = {"origin": origin, "content-type": _TYPE, "sec-fetch-site": "same-origin"}
    made.request(
        "POST", f"{_PACKAGE}AccessService/ExchangeCode", struct.pack(">BI", 0, len(content)) + content, headers
    )
    cookie = made.getresponse().headers["set-cookie"].partition(";")[0]
    made.close()
    known = headers | {"host": parts.netloc, "cookie": cookie, "accept-language": "en", "user-agent": "x" * 100}
    return "".join(f"{name}: {value}\r\n" for name, value in known.items()).encode() + b"\r\n"


async def _crowd(
    url: str, head: bytes, calls: list[bytes], server: psutil.Process, browsers: int, every: float, seconds: float
) -> tuple[float, list[float]]:
    """Let browsers call; return the seconds of a core that the server used, and the duration of each call."""
    latencies: list[float] = []
    watch, *whole = [call.replace(b"{}", head, 1) for call in calls]
    parts = urlsplit(url)
    place = str(parts.hostname), int(parts.port or 0)
    tasks = [asyncio.create_task(_browse(*place, whole, every, latencies)) for _ in range(browsers)]
    tasks += [asyncio.create_task(_watch(*place, watch, every)) for _ in range(browsers)]
    await asyncio.sleep(every * 2)
    latencies.clear()
    before = server.cpu_times()
    await asyncio.sleep(seconds)
    after = server.cpu_times()
    for task in tasks:
        if task.done():
            task.result()
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return after.user + after.system - before.user - before.system, list(latencies)


async def _watch(host: str, port: int, call: bytes, every: float) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    await asyncio.sleep(random.uniform(0, every))
    writer.write(call)
    answer = await reader.readuntil(b"\r\n\r\n")
    assert b" 200 " in answer, answer
    while await reader.read(2**16):
        pass
    raise AssertionError("the stream has ended")


async def _browse(host: str, port: int, calls: list[bytes], every: float, latencies: list[float]) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    await asyncio.sleep(random.uniform(0, every))  # browsers are not in step
    while True:
        for call in calls:
            began = time.perf_counter()
            writer.write(call)
            answer = await reader.readuntil(b"\r\n\r\n")
            length = int(answer.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
            body = await reader.readexactly(length)
            assert b"grpc-status: 0" in body, body
            latencies.append(time.perf_counter() - began)
        await asyncio.sleep(every)


if __name__ == "__main__":
    sys.exit(main())

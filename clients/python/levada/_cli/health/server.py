"""Checks of the server: where its address comes from, TLS, the token, versions, the clock."""

from __future__ import annotations

import datetime as dt
import os
import socket
import ssl
import time
from pathlib import Path
from typing import TYPE_CHECKING

from levada._base.errors import LevadaError
from levada._cli.health.finding import OK, PROBLEM, WARNING, Finding
from levada._net.address import connect_to_running
from levada._net.credentials import find_credential, parse_address
from levada._net.pages import pages
from levada._net.source import Source, find_source
from levada._net.versions import own_version
from levada._tables.table import free_table
from levada_api.v1 import access_service_pb2 as access_pb
from levada_api.v1 import schema_service_pb2, server_service_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator

    from levada._net.connection import Connection

_TLS_SECONDS = 5.0
_DAYS_BEFORE_END = 14
_MOST_SKEW_S = 60.0
_MOST_TABLES = 50


def find_checked_source(url: str | None) -> tuple[Source | None, list[Finding]]:
    """Find the server of this folder, and say what named it."""
    try:
        source = Source(url, found_in="--url") if url else find_source()
    except LevadaError as error:
        return None, [Finding("address", PROBLEM, str(error))]
    if source.data_folder is not None:
        where = f"{source.data_folder}: nothing names another server"
        return source, [Finding("address", OK, f"the local server of {where}")]
    return source, [Finding("address", OK, f"{source.url}, named by {source.found_in}")]


def check_server(source: Source) -> Iterator[Finding]:
    """Check the server that a source names, if it can be reached."""
    if source.url is not None:
        yield from _check_tls(source)
        if (finding := _token(source.url)) is not None:
            yield finding
            if finding.state == PROBLEM:
                return
    began = time.perf_counter()
    try:
        connection = connect_to_running(source.url if source.found_in == "--url" else None)
    except LevadaError as error:
        if source.data_folder is None:
            yield Finding("connection", PROBLEM, str(error))
        return
    with connection:
        took = time.perf_counter() - began
        info = connection.call(
            "ServerService/GetServerInfo",
            server_service_pb2.GetServerInfoRequest(),
            server_service_pb2.GetServerInfoResponse,
        )
        yield Finding("connection", OK, f"answers after {1000 * took:.0f} ms")
        versions = f"client {own_version()}, server {info.version}, PostgreSQL {info.postgresql_version}"
        yield Finding("versions", OK, versions)
        yield _caller(connection)
        yield from _clock(connection)


def _token(url: str) -> Finding | None:
    """Say where the token comes from; never what it is."""
    if url == os.environ.get("LEVADA_URL") and os.environ.get("LEVADA_TOKEN"):
        return Finding("token", OK, "from LEVADA_TOKEN")
    if os.environ.get("LEVADA_TOKEN"):
        message = f"LEVADA_TOKEN is set, but it goes to LEVADA_URL alone, and this server is {url}"
        return Finding("token", WARNING, message, "set LEVADA_URL too, or run levada login")
    try:
        kept = find_credential(url)
    except LevadaError as error:
        return Finding("token", PROBLEM, str(error))
    return None if kept is None else Finding("token", OK, f"kept by levada login for {url}")


def _caller(connection: Connection) -> Finding:
    answer = connection.call("AccessService/GetCaller", access_pb.GetCallerRequest(), access_pb.GetCallerResponse)
    name = f"{answer.user.name}{' (administrator)' if answer.user.administrator else ''}"
    if not answer.HasField("token") or not answer.token.HasField("expire_time"):
        return Finding("user", OK, name)
    end = answer.token.expire_time.ToDatetime()
    days = (end - dt.datetime.now(dt.UTC).replace(tzinfo=None)).days
    message = f"{name}, by a token that is valid until {end:%Y-%m-%d}"
    if days < _DAYS_BEFORE_END:
        return Finding("user", WARNING, message, f"levada login {connection.address}")
    return Finding("user", OK, message)


def _check_tls(source: Source) -> Iterator[Finding]:
    assert source.url is not None
    try:
        target = parse_address(source.url)
    except LevadaError as error:
        yield Finding("TLS", PROBLEM, str(error))
        return
    if not target.encrypted:
        stays = source.url.startswith("unix:") or "://" not in source.url
        if not stays:
            yield Finding("TLS", WARNING, f"{source.url} is called without encryption", "use https://, or host:port")
        return
    for place in target.places:
        yield _check_certificate(source, place)


def _check_certificate(source: Source, place: str) -> Finding:
    assert source.url is not None
    host, _, port = place.rpartition(":")
    host = host.strip("[]")
    try:
        context = ssl.create_default_context(cafile=_authorities(source))
        kept = None if source.certificates else find_credential(source.url)
        if kept is not None and kept.authority:
            context.load_verify_locations(cadata=kept.authority)
        with (
            socket.create_connection((host, int(port)), _TLS_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=host) as secured,
        ):
            certificate = secured.getpeercert() or {}
    except ssl.SSLCertVerificationError as error:
        advice = f"if it is your lab's own authority: levada login {source.url}; else tell its administrator"
        return Finding("TLS", PROBLEM, f"the certificate of {host} is not trusted: {error.verify_message}", advice)
    except (OSError, ssl.SSLError, LevadaError) as error:
        return Finding("TLS", PROBLEM, f"no server answers by TLS at {place}: {error}")
    else:
        end = dt.datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), dt.UTC)
        days = (end - dt.datetime.now(dt.UTC)).days
        state = OK if days >= _DAYS_BEFORE_END else WARNING
        advice = "" if state == OK else "tell the server's administrator: levada certificates renews it"
        return Finding("TLS", state, f"the certificate of {host} is valid until {end:%Y-%m-%d}", advice)


def _authorities(source: Source) -> Path | None:
    return None if source.certificates is None else Path(source.certificates)


def _clock(connection: Connection) -> Iterator[Finding]:
    """Compare the clocks, by a row of any table: the server computes its time beside it."""
    try:
        skew = next(_skews(connection), None)
    except LevadaError:  # no rights to any table
        return
    if skew is None:
        return
    if abs(skew) <= _MOST_SKEW_S:
        yield Finding("clock", OK, f"{abs(skew):.1f} s apart from the server's")
    else:
        side = "ahead of" if skew > 0 else "behind"
        message = f"this machine's clock is {abs(skew):.0f} s {side} the server's"
        yield Finding("clock", WARNING, message, "set it by NTP: certificates and tokens end by the clock")


def _skews(connection: Connection) -> Iterator[float]:
    """Yield how many seconds this clock is ahead of the server's, by a row of each table."""
    asked = schema_service_pb2.ListSchemasRequest()
    for page in pages(connection, "SchemaService/ListSchemas", asked, schema_service_pb2.ListSchemasResponse):
        for schema in page.schemas:
            request = schema_service_pb2.ListTablesRequest(schema=schema.name, page_size=_MOST_TABLES)
            answer = connection.call("SchemaService/ListTables", request, schema_service_pb2.ListTablesResponse)
            for table in answer.tables:
                rows = free_table(connection, table.name).proj(levada_moment="unix_timestamp()")
                before = time.time()
                for row in rows.to_dicts("levada_moment", limit=1):
                    yield (before + time.time()) / 2 - float(row["levada_moment"])

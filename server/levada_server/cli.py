"""The server's command line: parses arguments and prints messages for the user, nothing else."""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import sys
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from argcomplete import autocomplete

from levada_server.app import serve
from levada_server.backup.backup import back_up, end_leases, restore, verify
from levada_server.backup.manifest import read_manifest
from levada_server.certificates import make_certificates
from levada_server.companions import companions, run, stop_in_time
from levada_server.config import (
    ALERTS_FILE,
    AUDIT_MONTHS,
    CERTIFICATE_FILES,
    ISSUER_FILE,
    OWNER_URL,
    STORES_FILE,
    Settings,
    database_url,
    read_alerts,
    read_issuer,
    read_stores,
    store_folders,
)
from levada_server.data_place import DATA_FOLDER, found_data_folder
from levada_server.embedded import embedded
from levada_server.errors import InvalidRequest, LevadaError
from levada_server.logs import configure
from levada_server.model.sizes import MOST_VALUE_BYTES, VALUE_BYTES
from levada_server.monitoring.alerts import send_trial
from levada_server.operations.call_limits import FETCH_S, CallLimits
from levada_server.operations.transactions import TransactionLimits
from levada_server.rpc.user_shares import USER_STREAMS
from levada_server.rpc.web.door import WebSettings
from levada_server.rpc.web.rules import make_places
from levada_server.storage.objects.storage import StoreFolders, open_stores
from levada_server.storage.postgres.database import STATEMENT_S

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from levada_server.backup.manifest import Manifest

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001  # it has no public name

EXIT_FAILED = 1
EXIT_IN_USE = 2
EXIT_INTERRUPTED = 130
LAST_PORT = 65535
LEAST_S, MOST_S = 1.0, 7 * 86_400.0
_HOST_AND_PORT = re.compile(r"(?P<host>\[[^]]+]|[^:\[\]]+)(?::(?P<port>\d{0,9}))?")


def main(arguments: list[str] | None = None) -> int:
    """Run a command of the server, and return the exit code."""
    parser = command_parser()
    if "_ARGCOMPLETE" in os.environ:
        autocomplete(parser)
    options = parser.parse_args(arguments)
    try:
        if "data_dir" in options:
            makes_one = options.command == "restore"
            options.data_dir = options.data_dir or (DATA_FOLDER if makes_one else found_data_folder())
        if options.command != "serve":
            code: int = options.run(options)
            return code
        settings = _settings(options)
    except LevadaError as error:
        print(f"levada {options.command}: {error.message}", file=sys.stderr)
        return EXIT_FAILED
    except OSError as error:
        return _report(options.command, error)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    configure(settings.log_level, settings.log_format)

    def ready(address: str) -> None:
        where = "an external database" if settings.database_url else f"data in {settings.data_folder.resolve()}"
        print(f"levada serve: ready at {address} ({where})", flush=True)

    try:
        run(serve(settings, ready, companions, partial(stop_in_time, settings)))
    except LevadaError as error:
        print(f"levada serve: {error.message}", file=sys.stderr)
        return EXIT_IN_USE if error.details.get("pid") else EXIT_FAILED
    except OSError as error:
        return _report("serve", error)
    return 0


def _report(command: str, error: OSError) -> int:
    """Report a file or folder that cannot be used, such as one that is read-only."""
    if error.filename is None:
        raise error
    print(f"levada {command}: {error.filename}: {(error.strerror or str(error)).lower()}", file=sys.stderr)
    return EXIT_FAILED


def command_parser() -> argparse.ArgumentParser:
    """Return the server's command line."""
    parser = argparse.ArgumentParser(prog="levada", description="Scientific data pipelines over PostgreSQL.")
    commands = parser.add_subparsers(dest="command", required=True)
    data = argparse.ArgumentParser(add_help=False)
    data.add_argument(
        "--database-url",
        help="a PostgreSQL 15 or newer, as postgresql://user@host/database without a password "
        "(default: LEVADA_DATABASE_URL of the environment, else an embedded one)",
    )
    _add_data_dir(data)
    data.add_argument(
        "--stores",
        type=Path,
        help="the file that names the stores of objects (default: stores.toml in the data folder)",
    )
    serve_examples = (
        "serve",
        "serve --database-url postgresql://levada@db.example.org/levada --listen 127.0.0.1:50051",
    )
    _add_serve(_add(commands, "serve", "run a server", serve_examples, parents=[data]))
    _add_backup(commands, data)
    certificates = _add(
        commands,
        "certificates",
        "make an authority, and a certificate that a running server takes at once",
        ("certificates lab.example.org 10.0.0.5",),
    )
    _add_data_dir(certificates)
    certificates.add_argument("names", nargs="+", help="names and addresses under which clients call the server")
    certificates.set_defaults(run=_certificates)
    trial = _add(
        commands, "try-alerts", "send a trial alert to everybody whom the settings of alerts name", ("try-alerts",)
    )
    _add_data_dir(trial)
    _add_alerts(trial)
    trial.set_defaults(run=_try_alerts)
    return parser


def _add(
    commands: Commands, name: str, about: str, examples: Sequence[str], parents: Sequence[argparse.ArgumentParser] = ()
) -> argparse.ArgumentParser:
    """Add a command with examples, which are calls without the word `levada`."""
    head = "example:" if len(examples) == 1 else "examples:"
    return commands.add_parser(
        name,
        parents=parents,
        help=about,
        description=f"{about[0].upper()}{about[1:]}.",
        epilog="\n".join((head, *(f"  levada {line}" for line in examples))),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _add_data_dir(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data-dir",
        type=Path,
        metavar="FOLDER",
        help="the server's data folder (default: .levada in this folder or above it; for a restore, a new one here)",
    )


def _add_alerts(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--alerts",
        type=Path,
        metavar="FILE",
        help="the file that says whom to tell of failed jobs, lost workers and failed backups "
        "(default: alerts.toml in the data folder)",
    )


def _add_backup(commands: Commands, data: argparse.ArgumentParser) -> None:
    backup = _add(
        commands,
        "backup",
        "save the database and its objects to a new folder, while the server goes on",
        ("backup backups/monday",),
        parents=[data],
    )
    backup.add_argument("folder", type=Path, help="the folder to make")
    backup.set_defaults(run=_backup)
    verify = _add(
        commands,
        "verify",
        "restore a backup into a database of its own, compare every table, and read every object",
        ("verify backups/monday",),
    )
    verify.add_argument("folder", type=Path, help="the folder of the backup")
    verify.set_defaults(run=_verify)
    restore = _add(
        commands,
        "restore",
        "load a backup into a new data folder or an empty database",
        ("restore backups/monday --data-dir /srv/levada/data",),
        parents=[data],
    )
    restore.add_argument("folder", type=Path, help="the folder of the backup")
    restore.set_defaults(run=_restore)
    recovered = _add(
        commands,
        "recovered",
        "end leases in a database that PostgreSQL recovered to an earlier moment, before it is served",
        ("recovered --database-url postgresql://levada@db.example.org/levada",),
        parents=[data],
    )
    recovered.set_defaults(run=_recovered)
    for parser in (restore, recovered):
        parser.add_argument(
            "--copy", action="store_true", help="revoke all tokens, because the server that was saved goes on"
        )


def _add_serve(serve_parser: argparse.ArgumentParser) -> None:
    serve_parser.add_argument(
        "--listen",
        type=_listen,
        metavar="ADDRESS",
        help="host:port or unix:/path (default: a private socket with the embedded database, else 127.0.0.1:50051)",
    )
    serve_parser.add_argument(
        "--tls-certificate",
        type=Path,
        help="the server's certificate in PEM, with the chain to its authority "
        "(default: what `levada certificates` made in the data folder)",
    )
    serve_parser.add_argument("--tls-key", type=Path, help="its private key in PEM")
    serve_parser.add_argument(
        "--tls-in-front",
        action="store_true",
        help="serve without TLS beyond this machine, because a proxy in front encrypts all that comes from outside",
    )
    serve_parser.add_argument(
        "--processes",
        type=_count,
        default=1,
        help="how many processes serve the port; each opens up to 71 connections to PostgreSQL (default: 1)",
    )
    serve_parser.add_argument(
        "--owner-url",
        help="the database of --database-url, without a password and with the role that owns the tables, if the role "
        "there may not change them (default: LEVADA_OWNER_URL of the environment)",
    )
    serve_parser.add_argument("--idle-timeout", type=float, help="stop after this many seconds without a call")
    serve_parser.add_argument(
        "--grace", type=float, default=10.0, help="how many seconds running calls may take after a stop signal"
    )
    serve_parser.add_argument(
        "--issuer",
        type=Path,
        help="the file that names the issuer of identities at which users log in "
        "(default: issuer.toml in the data folder)",
    )
    serve_parser.add_argument(
        "--spool-dir",
        type=Path,
        help="folder for the results of slow readers and the rows of inserts (default: that for temporary files)",
    )
    serve_parser.add_argument(
        "--max-value",
        type=_megabytes,
        default=VALUE_BYTES,
        metavar="MB",
        help=f"maximum size of a value in a row, in megabytes of 2^20 bytes, 1 to {MOST_VALUE_BYTES >> 20} "
        f"(default: {VALUE_BYTES >> 20})",
    )
    serve_parser.add_argument(
        "--transaction-idle",
        type=float,
        default=TransactionLimits().idle_s,
        help="how many seconds an open transaction waits for its client (default: %(default)g)",
    )
    serve_parser.add_argument(
        "--transaction-open",
        type=float,
        default=TransactionLimits().open_s,
        help="how many seconds a transaction may be open (default: %(default)g)",
    )
    serve_parser.add_argument(
        "--user-streams",
        type=_count,
        default=USER_STREAMS,
        help="how many streams of small calls, and how many sessions, one user may have open in one process "
        "(default: %(default)s)",
    )
    serve_parser.add_argument(
        "--call-rows",
        type=_count,
        metavar="N",
        help="how many rows one call may fetch or insert (default: no limit)",
    )
    serve_parser.add_argument(
        "--call-gigabytes",
        type=_count,
        metavar="GB",
        help="how many gigabytes of 2^30 bytes these rows may take (default: no limit)",
    )
    serve_parser.add_argument(
        "--statement-time",
        type=_seconds,
        default=STATEMENT_S,
        metavar="S",
        help="how many seconds a statement of PostgreSQL may run (default: %(default)g)",
    )
    serve_parser.add_argument(
        "--fetch-time",
        type=_seconds,
        default=FETCH_S,
        metavar="S",
        help="how many seconds a client may take to read a result (default: %(default)g)",
    )
    serve_parser.add_argument(
        "--schema-gigabytes",
        type=_count,
        metavar="GB",
        help="how many gigabytes of 2^30 bytes the rows, indexes and objects of a schema may take (default: no limit)",
    )
    serve_parser.add_argument(
        "--log-level", default="INFO", choices=["DEBUG", "INFO", "WARNING", "ERROR"], help="default: INFO"
    )
    serve_parser.add_argument(
        "--log-format", default="text", choices=["text", "json"], help="text for people, or JSON (default: text)"
    )
    serve_parser.add_argument(
        "--audit-months",
        type=_count,
        default=AUDIT_MONTHS,
        help="how many months to keep the audit (default: %(default)s)",
    )
    _add_alerts(serve_parser)
    serve_parser.add_argument(
        "--web",
        type=_address,
        metavar="[HOST:]PORT",
        help="serve the dashboard there to all users (default host: 127.0.0.1; without this option, `levada dashboard` "
        "opens it for the server's own user)",
    )
    serve_parser.add_argument(
        "--web-origin",
        metavar="URL",
        help="the address that browsers use for it, if a proxy or another name leads there, with the path below which "
        "a proxy serves it, such as https://lab.example.org/levada",
    )
    serve_parser.add_argument(
        "--metrics",
        type=_address,
        metavar="[HOST:]PORT",
        help="serve /metrics for Prometheus, /ready and /live there over HTTP, without a token (default host: "
        "127.0.0.1); each further process has the next port",
    )


def _backup(options: argparse.Namespace) -> int:
    settings = _data_settings(options)
    with _database_of(settings) as url:
        made = asyncio.run(back_up(url, open_stores(store_folders(settings)), options.folder))
    _print_backup("saved", made, options.folder)
    for named in made.damaged:
        print(f"levada backup: the store `{named.store}` lacks {named.path} as it was stored", file=sys.stderr)
    return EXIT_FAILED if made.damaged else 0


def _verify(options: argparse.Namespace) -> int:
    _print_backup("checked", asyncio.run(verify(options.folder)), options.folder)
    return 0


def _restore(options: argparse.Namespace) -> int:
    settings = _data_settings(options)
    if settings.database_url is not None:
        made = asyncio.run(
            restore(options.folder, settings.database_url, open_stores(store_folders(settings)), copy=options.copy)
        )
    else:
        read_manifest(options.folder)  # before a data folder is made
        postgres = embedded.start(settings.data_folder)
        try:
            made = asyncio.run(
                restore(options.folder, postgres.dsn, open_stores(store_folders(settings)), copy=options.copy)
            )
        finally:
            postgres.stop()
    _print_backup("restored", made, options.folder)
    return 0


def _recovered(options: argparse.Namespace) -> int:
    settings = _data_settings(options)
    stores = open_stores(store_folders(settings)) if options.copy else {}
    with _database_of(settings) as address:
        asyncio.run(end_leases(address, stores, copy=options.copy))
    print("leases and sessions of workers have ended" + (", and all tokens are revoked" if options.copy else ""))
    return 0


def _print_backup(what: str, made: Manifest, folder: Path) -> None:
    print(f"{what} {len(made.tables)} tables with {made.row_count} rows, and {len(made.objects)} objects with")
    print(f"{made.object_bytes} bytes: {folder} of {made.time}")


@contextmanager
def _database_of(settings: Settings) -> Iterator[str]:
    """Yield the address of the database, which runs for the length of the block."""
    if settings.database_url is not None:
        yield settings.database_url
        return
    with embedded.reached(settings.data_folder) as url:
        yield url


def _certificates(options: argparse.Namespace) -> int:
    made = make_certificates(options.data_dir / CERTIFICATE_FILES[0].parent, options.names)
    print(f"certificate  {made.certificate}, valid until {made.expires}")
    print(f"authority    {made.authority}")
    print(f"             SHA-256 {made.fingerprint}")
    print("`levada login` shows this fingerprint once; compare it.")
    return 0


def _try_alerts(options: argparse.Namespace) -> int:
    failed = False
    for channel, reason in send_trial(read_alerts(options.alerts or options.data_dir / ALERTS_FILE)):
        if reason:
            failed = True
            print(f"levada try-alerts: {channel}: not accepted ({reason})", file=sys.stderr)
        else:
            print(f"{channel}: accepted")
    return EXIT_FAILED if failed else 0


def _settings(arguments: argparse.Namespace) -> Settings:
    listen: str | None = arguments.listen
    certificate = None if arguments.tls_in_front else _certificate(arguments)
    if listen is not None and certificate is None and not arguments.tls_in_front and not _stays_here(listen):
        raise InvalidRequest(
            f"{listen} can be reached from other machines, and nothing is encrypted. Make a certificate with "
            "`levada certificates NAME…`, name one with --tls-certificate and --tls-key, or say --tls-in-front if a "
            "proxy encrypts all that comes from outside."
        )
    web = _web(arguments)
    if web is not None and certificate is None and not arguments.tls_in_front and not _is_loopback(web.host):
        raise InvalidRequest(
            f"--web {web.host}:{web.port} can be reached from other machines, and nothing is encrypted. Make a "
            "certificate with `levada certificates NAME…`, name one with --tls-certificate and --tls-key, or say "
            "--tls-in-front if a proxy encrypts all that comes from outside."
        )
    data = _data_settings(arguments)
    owner_url = database_url(arguments.owner_url, OWNER_URL)
    if owner_url is not None and data.database_url is None:
        raise InvalidRequest("--owner-url goes with --database-url; the embedded database has one role.")
    issuer_file: Path = arguments.issuer or arguments.data_dir / ISSUER_FILE
    alerts_file: Path = arguments.alerts or arguments.data_dir / ALERTS_FILE
    return replace(
        data,
        listen=listen,
        owner_url=owner_url,
        certificate=certificate,
        idle_timeout_s=arguments.idle_timeout,
        grace_s=arguments.grace,
        processes=arguments.processes,
        spool_folder=arguments.spool_dir,
        value_bytes=arguments.max_value,
        transaction_limits=TransactionLimits(arguments.transaction_idle, arguments.transaction_open),
        user_streams=arguments.user_streams,
        call_limits=CallLimits(
            arguments.call_rows,
            None if arguments.call_gigabytes is None else arguments.call_gigabytes << 30,
            arguments.statement_time,
            arguments.fetch_time,
        ),
        schema_bytes=None if arguments.schema_gigabytes is None else arguments.schema_gigabytes << 30,
        log_level=arguments.log_level,
        log_format=arguments.log_format,
        issuer=read_issuer(issuer_file) if arguments.issuer or issuer_file.exists() else None,
        audit_months=arguments.audit_months,
        metrics=arguments.metrics,
        web=web,
        alerts=read_alerts(alerts_file) if arguments.alerts or alerts_file.exists() else None,
    )


def _data_settings(arguments: argparse.Namespace) -> Settings:
    """Return the settings of where the data are."""
    stores_file: Path = arguments.stores or arguments.data_dir / STORES_FILE
    stores, url = StoreFolders(), database_url(arguments.database_url)
    if arguments.stores or stores_file.exists():
        stores = read_stores(stores_file, own_store=url is None)
    return Settings(database_url=url, data_folder=arguments.data_dir, stores=stores)


def _listen(text: str) -> str:
    found = _HOST_AND_PORT.fullmatch(text)
    if text.startswith("unix:/") or (found is not None and int(found["port"] or LAST_PORT + 1) <= LAST_PORT):
        return text
    host = found["host"] if found is not None else f"[{text.strip('[]')}]"  # an address of IPv6 without brackets
    raise argparse.ArgumentTypeError(f"{text} has no port; use HOST:PORT, such as {host}:50051, or unix:/path")


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not LEAST_S <= seconds <= MOST_S:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from {LEAST_S:g} to {MOST_S:g}")
    return seconds


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or int(port) > LAST_PORT:
        raise argparse.ArgumentTypeError(f"{text} is neither a port nor HOST:PORT")
    return host.strip("[]") or "127.0.0.1", int(port)


def _megabytes(text: str) -> int:
    most = MOST_VALUE_BYTES >> 20
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {most}")
    return int(text) << 20


def _certificate(arguments: argparse.Namespace) -> tuple[Path, Path] | None:
    """Return the files of the certificate and its key; None if there are none.

    Raises:
        InvalidRequest: One of the two options is missing.
    """
    named: tuple[Path | None, Path | None] = arguments.tls_certificate, arguments.tls_key
    if named[0] is not None and named[1] is not None:
        return named[0], named[1]
    if named != (None, None):
        raise InvalidRequest("--tls-certificate and --tls-key belong together.")
    certificate, key = (arguments.data_dir / file for file in CERTIFICATE_FILES)
    return (certificate, key) if certificate.exists() else None


def _web(arguments: argparse.Namespace) -> WebSettings | None:
    """Return where the dashboard is to be open from the start; None to open it on request.

    Raises:
        InvalidRequest: The address cannot be used.
    """
    origin: str | None = arguments.web_origin
    if arguments.web is None:
        if origin is not None:
            raise InvalidRequest("--web-origin goes with --web.")
        return None
    host, port = arguments.web
    if port == 0 and arguments.processes > 1:
        raise InvalidRequest("Several processes share the port of --web; choose one.")
    make_places(host, port or LAST_PORT, origin, tls=False)
    return WebSettings(host, port, origin)


def _stays_here(listen: str) -> bool:
    return listen.startswith("unix:") or _is_loopback(listen.rpartition(":")[0].strip("[]"))


def _is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")

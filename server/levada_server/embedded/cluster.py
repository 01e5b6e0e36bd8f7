"""The files of the embedded PostgreSQL: its cluster and its settings."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from levada_server.embedded import postgres_programs
from levada_server.embedded.postgres_programs import POSTGRES_MAJOR
from levada_server.errors import PreconditionFailed, Unavailable

if TYPE_CHECKING:
    from pathlib import Path

    from levada_server.embedded.postgres_programs import Account, Programs

CLUSTER = "postgres"
DRAFT = "postgres.new"
LOGS = "log"

ROLE = "levada"
DATABASE = "levada"
PORT = 5432
"""No port is opened; this is part of the socket's name."""

MAKE_SECONDS = 300
QUOTED_LINES = 5

# The kernel tells which user is at the other end of the socket; only the server's user may connect.
HBA_TEXT = "local all {role} peer map=levada\n"
IDENT_TEXT = 'levada "{caller}" {role}\n'

SETTINGS = """\
listen_addresses = ''
port = {port}
unix_socket_directories = {sockets}
unix_socket_permissions = 0700
hba_file = {hba_file}
ident_file = {ident_file}

max_connections = 200
# A few locks for each table: a schema of ten thousand tables can be dropped in one transaction.
max_locks_per_transaction = 256
shared_buffers = '256MB'
timezone = 'UTC'
log_timezone = 'UTC'

# One file for each day of the week, overwritten after a week.
logging_collector = on
log_directory = {log_directory}
log_filename = 'postgres-%a.log'
log_rotation_age = '1d'
log_rotation_size = 0
log_truncate_on_rotation = on
log_min_messages = warning
log_line_prefix = '%m [%p] '
"""


def check(home: Path, account: Account) -> None:
    """Refuse a cluster, if there is one, that these programs must not touch."""
    if not postgres_programs.can_enter(account, home):
        raise PreconditionFailed(
            f"The user {account.name}, as whom PostgreSQL runs, cannot enter {home}. "
            "Allow it: chmod o+x on that folder and the folders above it.",
            folder=home,
            user=account.name,
        )
    cluster = home / CLUSTER
    if not cluster.exists():
        return
    try:
        found = (cluster / "PG_VERSION").read_text().strip()
    except FileNotFoundError as error:
        raise PreconditionFailed(
            f"{cluster} is not a PostgreSQL database. Move it away, or choose another data folder.",
            folder=home,
        ) from error
    if found != str(POSTGRES_MAJOR):
        raise PreconditionFailed(
            f"The database in {cluster} is of PostgreSQL {found}, and this server has PostgreSQL "
            f"{POSTGRES_MAJOR}. Keep using the release of Levada that created it, or save it with pg_dump of "
            f"PostgreSQL {found}, start this server with a new data folder, and load it there with psql.",
            folder=home,
            version=found,
        )


def make(home: Path, programs: Programs, lock: int) -> None:
    """Create the cluster of a home that has none, with its database, completely or not at all.

    Text is compared by its bytes (code points) and its case follows Unicode's rules, on every machine alike.
    """
    draft, account = home / DRAFT, programs.account
    if draft.exists():  # Left by a start that was killed.
        shutil.rmtree(draft)
    draft.mkdir(mode=0o700)
    os.chown(draft, account.uid, account.gid, follow_symlinks=False)
    locale = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
    access = ("--auth-local=peer", "--auth-host=reject", f"--username={ROLE}")
    single = ("--single", "-c", "exit_on_error=on", "-D", DRAFT, "template1")
    for program, arguments, text in (
        ("initdb", ("--no-sync", *locale, *access, "-D", DRAFT), ""),
        ("postgres", single, f"CREATE DATABASE {DATABASE};\n"),
        ("/bin/sh", ("-c", f"cat >> {DRAFT}/postgresql.conf"), "include '../levada.conf'\n"),
        ("initdb", ("--sync-only", "-D", DRAFT), ""),
    ):
        answer = programs.run(program, *arguments, within=home, seconds=MAKE_SECONDS, lock=lock, text=text)
        if answer.returncode != 0:
            raise Unavailable(f"The database in {home} was not created: {quoted(answer.stdout)}", folder=home)
    draft.rename(home / CLUSTER)
    _sync(home)


def configure(home: Path, account: Account, sockets: Path) -> None:
    """Write the settings of a home: its folders, and who may connect."""
    (home / LOGS).mkdir(mode=0o700, exist_ok=True)
    os.chown(home / LOGS, account.uid, account.gid, follow_symlinks=False)
    write(home / "pg_hba.conf", HBA_TEXT.format(role=ROLE))
    write(home / "pg_ident.conf", IDENT_TEXT.format(caller=postgres_programs.caller().name, role=ROLE))
    settings = SETTINGS.format(
        port=PORT,
        sockets=_literal('"' + str(sockets).replace('"', '""') + '"'),
        hba_file=_literal(str(home / "pg_hba.conf")),
        ident_file=_literal(str(home / "pg_ident.conf")),
        log_directory=_literal(str(home / LOGS)),
    )
    write(home / "levada.conf", settings)


def write(path: Path, text: str) -> None:
    """Write a file that everybody may read, completely or not at all."""
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    with draft.open("xb") as file:
        file.write(os.fsencode(text))
        file.flush()
        os.fsync(file.fileno())
    draft.chmod(0o644)
    draft.replace(path)
    _sync(path.parent)


def quoted(log: str) -> str:
    """Join the last lines of a log into one line, for a message."""
    return " / ".join(line.strip() for line in log.strip().splitlines()[-QUOTED_LINES:])


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _literal(text: str) -> str:
    """Write a text as a value in a configuration file of PostgreSQL."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"

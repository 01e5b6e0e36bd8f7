"""The local server of a folder: join the one that runs, or start it as a separate process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue
from typing import IO

from levada._base.errors import LevadaError, PreconditionFailed, Unavailable, Unsupported
from levada._base.installation import install_command
from levada._base.text import tell, tell_once
from levada._net.backoff import Backoff
from levada._net.transport import Transport
from levada_api.v1 import server_service_pb2 as pb

_START_SECONDS = 180.0
"""How long a first start may take: it creates a database."""
_PROBE_SECONDS = 3.0
_END_SECONDS = 60.0
"""Longer than a server waits for running calls and for PostgreSQL."""
_POLL = Backoff(first_seconds=0.1, longest_seconds=0.1)
_IDLE_SECONDS = 600
"""How long the server outlives its last client."""
_LOG = "server.log"
_FOLDER_IN_USE = 2
"""The server's exit code when another process serves the folder."""


@dataclass(frozen=True)
class LocalServer:
    """A server that serves a folder and answers."""

    address: str
    pid: int


def join_or_start(folder: Path) -> str:
    """Return the address of the server of a folder; report where the data are if it is new, or not in this folder.

    Several processes may call this at once: one server starts, and all join it.

    Raises:
        Unavailable: The server could not be started; the message has the server's own words.
        Unsupported: This machine cannot run it.
        PreconditionFailed: The folder cannot be written.
    """
    folder = folder.absolute()
    joined = running(folder)
    if joined is None:
        if os.name == "nt":
            raise Unsupported(
                "On Windows a local server does not start by itself. Start `levada serve` under WSL or on another "
                'machine, and call levada.connect("host:port").'
            )
        if not (folder / _LOG).exists():
            tell("levada: making a database for this folder, which takes some seconds.")
        address = _start(folder)
        tell(
            f"levada: started a local server; its data are in {folder}. "
            'To work with the server of your lab: levada.connect("host:port"), or set LEVADA_URL.'
        )
        return address
    if folder.parent != Path.cwd():
        tell_once(f"levada: the data are in {folder}.")
    return joined.address


def stop(server: LocalServer) -> None:
    """Stop a local server, and wait until it has ended.

    Raises:
        Unavailable: It belongs to another user, or has not ended in time.
    """
    try:
        os.kill(server.pid, signal.SIGTERM)
    except PermissionError:
        raise Unavailable(f"The server (process {server.pid}) belongs to another user, who can stop it.") from None
    except ProcessLookupError:
        return
    for pause in _POLL.pauses(_END_SECONDS):
        if not is_alive(server.pid):
            return
        time.sleep(pause)
    raise Unavailable(f"The server (process {server.pid}) has not ended after {_END_SECONDS:.0f} s.")


def running(folder: Path) -> LocalServer | None:
    """Return the server that serves a folder now, if there is one and it answers."""
    try:
        served = json.loads((folder / "server.json").read_text(encoding="utf-8"))
        address, pid = served["address"], int(served["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if not is_alive(pid):
        return None
    transport = Transport(str(address))
    try:
        transport.call(
            "ServerService/GetServerInfo", pb.GetServerInfoRequest(), pb.GetServerInfoResponse, timeout=_PROBE_SECONDS
        )
    except LevadaError:
        return None
    finally:
        transport.close()
    return LocalServer(str(address), pid)


def is_alive(pid: int) -> bool:
    """Return whether a process runs, whosever it is."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True  # it runs as another user
    except OSError:
        return False
    return True


def _start(folder: Path) -> str:
    log = folder / _LOG
    try:
        # The PostgreSQL of root's server runs as another user, who must pass through.
        folder.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
        log.touch(mode=0o600)
        log.chmod(0o600)  # it may quote keys
    except OSError as error:
        raise PreconditionFailed(
            f"The local server keeps its data in {folder}, which cannot be written "
            f"({(error.strerror or str(error)).lower()}). Work in a folder of your own, or name a server: "
            'set LEVADA_URL, or call levada.connect("host:port").'
        ) from None
    command = [sys.executable, "-m", "levada_server", "serve", "--data-dir", str(folder)]
    command += ["--idle-timeout", str(_IDLE_SECONDS)]
    with log.open("ab") as errors:
        log_start = errors.tell()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            env={name: value for name, value in os.environ.items() if name != "LEVADA_DATABASE_URL"},
            start_new_session=True,  # an interrupt at this terminal is not for the server
        )
    ready: Queue[bytes] = Queue()
    threading.Thread(target=_attend, args=(process, ready), name="levada-server-start", daemon=True).start()
    pauses = _POLL.pauses(_START_SECONDS)
    try:
        line = ready.get(timeout=_START_SECONDS)
    except Empty:
        process.terminate()
        raise Unavailable(f"The local server was not ready after {_START_SECONDS:.0f} s; see {log}.") from None
    if not line and process.wait() != _FOLDER_IN_USE:
        raise _failure(log, log_start)
    # Either our server is ready, or another process took the folder first and its server will be.
    for pause in pauses:
        if (found := running(folder)) is not None:
            return found.address
        time.sleep(pause)
    raise Unavailable(
        f"Another process holds the folder {folder}, and its server does not answer; see {log}. "
        "Stop that process, or work in another folder."
    )


def _attend(process: subprocess.Popen[bytes], ready: Queue[bytes]) -> None:
    """Pass on the server's first line, empty if it ended, and wait for its exit."""
    stdout: IO[bytes] | None = process.stdout
    assert stdout is not None
    with stdout:
        line = stdout.readline()
        if not line:
            process.wait()
        ready.put(line)
    process.wait()


def _failure(log: Path, log_start: int) -> LevadaError:
    with log.open("rb") as file:
        file.seek(log_start)
        lines = file.read().decode(errors="replace").strip().splitlines()
    last = lines[-1] if lines else "it printed nothing"
    if "ModuleNotFoundError" in last or "No module named" in last:
        return Unavailable(
            f"The local server is not completely installed ({last}). Run `{install_command('server')}`, or name "
            'another server: levada.connect("host:port").'
        )
    return Unavailable(f"The local server did not start: {last} (the whole log is in {log}).")

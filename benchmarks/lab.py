"""`make lab`: the topology of docker-compose.yml as processes of this machine: a lab in a box.

PostgreSQL, a bucket of SeaweedFS, two servers with TLS and a dashboard, and two workers. It computes the pipeline of
the grasshopper, makes a backup and checks it, and ends everything. The tests kill one server on the way.
"""

from __future__ import annotations

import argparse
import importlib
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

import levada as lv
from levada_server.embedded import embedded
from tests.support.bucket_services import seaweedfs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import ModuleType

    from levada_server.storage.objects.bucket_settings import BucketSettings

ROOT = Path(__file__).parents[1]
PIPELINE = "examples.grasshopper.pipeline"
SERVERS = WORKERS = 2
PATIENCE_SECONDS = 300.0
"""Longer than any step takes, even on a busy machine."""
_STORES = """\
preferred = "main"

[stores.main]
kind = "s3"
bucket = "{bucket}"
endpoint = "{endpoint}"
"""


class Lab:
    """The processes of a lab; `opened` starts and ends them.

    Args:
        folder: The folder of all data.
        database_url: The database.
        bucket: The bucket.
    """

    def __init__(self, folder: Path, database_url: str, bucket: BucketSettings) -> None:
        self._folder = folder
        self._database_url = database_url
        self._data = folder / "server"
        self._keys = {"LEVADA_STORE_MAIN_KEY_ID": bucket.key_id, "LEVADA_STORE_MAIN_SECRET": bucket.secret}
        self.servers: list[subprocess.Popen[str]] = []
        self.workers: list[subprocess.Popen[str]] = []
        self._data.mkdir(mode=0o700)
        stores = _STORES.format(bucket=bucket.bucket, endpoint=bucket.endpoint)
        (self._data / "stores.toml").write_text(stores, encoding="utf-8")
        ports = _free_ports(2 * SERVERS)
        self._places = [f"127.0.0.1:{port}" for port in ports[:SERVERS]]
        self._pages = [f"127.0.0.1:{port}" for port in ports[SERVERS:]]

    @property
    def url(self) -> str:
        """The address of both servers, with TLS."""
        return f"https://{','.join(self._places)}"

    @property
    def dashboard(self) -> str:
        """The address of the dashboard of the last server."""
        return f"https://{self._pages[-1]}/"

    @property
    def authority(self) -> Path:
        """The certificate of the servers' authority."""
        return self._data / "tls" / "authority.pem"

    @property
    def token_file(self) -> Path:
        """The file with the token of the lab's user."""
        return self._folder / "token"

    def open_servers(self) -> None:
        """Make a certificate, start the servers, and add a user.

        The keys of the bucket are in the environment of servers alone.
        """
        self.command("certificates", "127.0.0.1", "localhost", "--data-dir", str(self._data))
        for place, page in zip(self._places, self._pages, strict=True):
            options = ["--database-url", self._database_url, "--data-dir", str(self._data), "--listen", place]
            server = self._start("serve", *options, "--web", page, "--log-level", "WARNING", environment=self._keys)
            assert server.stdout is not None
            if "ready" not in server.stdout.readline():
                raise RuntimeError("A server did not start; what it said is above.")
            self.servers.append(server)
        # By the private socket, as administrator.
        said = self.command("users", "add", "lab", "--administrator", environment={"LEVADA_URL": self._places[0]})
        found = re.search(r"lev_[\w-]+", said)
        if found is None:
            raise RuntimeError(f"No token was made: {said}")
        self.token_file.touch(mode=0o600)
        self.token_file.write_text(found[0], encoding="utf-8")

    def open_workers(self) -> None:
        """Start the workers, which know both servers, a token and the authority, and nothing of what is behind."""
        environment = {
            "LEVADA_URL": self.url,
            "LEVADA_TOKEN": self.token_file.read_text(encoding="utf-8"),
            "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(self.authority),
            "PYTHONPATH": str(ROOT),
        }
        for number in range(WORKERS):
            with (self._folder / f"worker-{number}.log").open("wb") as log:
                worker = self._start("worker", PIPELINE, "--processes", "1", environment=environment, log=log)
            self.workers.append(worker)

    def connect(self) -> lv.Connection:
        """Connect as the lab's user, by TLS."""
        return lv.connect(self.url, self.token_file.read_text(encoding="utf-8"), certificates=self.authority)

    def back_up(self) -> str:
        """Make a backup and check it; return what the check said."""
        folder = str(self._folder / "backup")
        options = ("--database-url", self._database_url, "--data-dir", str(self._data))
        self.command("backup", folder, *options, environment=self._keys)
        return self.command("verify", folder)

    def read_page(self) -> str:
        """Return the page of the dashboard, as a browser that trusts the authority gets it."""
        trust = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=str(self.authority)))
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), trust)
        with opener.open(self.dashboard, timeout=PATIENCE_SECONDS) as answer:
            return str(answer.read().decode())

    def command(self, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
        """Run `levada` with some arguments and return what it said.

        Raises:
            RuntimeError: It failed.
        """
        done = subprocess.run(
            [sys.executable, "-m", "levada", *arguments],
            cwd=self._folder,
            env=_environment(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"levada {arguments[0]} failed: {done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def _start(
        self, *arguments: str, environment: Mapping[str, str], log: IO[bytes] | None = None
    ) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "levada", *arguments],
            cwd=self._folder,
            env=_environment(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )

    def close(self) -> None:
        """Stop what still runs: workers first, which finish their jobs.

        Raises:
            RuntimeError: A process had to be killed.
        """
        hanging = []
        for process in (*self.workers, *self.servers):
            process.terminate()
            try:
                process.communicate(timeout=PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                hanging.append(process.args)
        if hanging:
            raise RuntimeError(f"These did not stop: {hanging}")


@contextmanager
def opened() -> Iterator[Lab]:
    """Run a lab in a new folder, which is removed at the end."""
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="levada-lab-"))
        stack.callback(shutil.rmtree, folder)
        folder.chmod(0o711)  # as root, PostgreSQL runs as another user, who needs access
        postgres = embedded.start(folder / "database")
        stack.callback(postgres.stop)
        (folder / "bucket").mkdir()
        bucket = stack.enter_context(seaweedfs(folder / "bucket"))
        lab = Lab(folder, postgres.dsn, bucket)
        stack.callback(lab.close)
        lab.open_servers()
        lab.open_workers()
        yield lab


def compute(say: Callable[[str], None], halfway: Callable[[], None]) -> ModuleType:
    """Fill the pipeline of the grasshopper, and wait until the workers have computed it; return its module.

    Args:
        say: Called with each step, in words.
        halfway: Called once when some results are there.

    Raises:
        TimeoutError: They do not.
    """
    pipeline = importlib.import_module(PIPELINE)
    pipeline.fill()
    ends = time.monotonic() + PATIENCE_SECONDS
    done = False
    while left := sum(table.progress()[0] for table in pipeline.COMPUTED):
        if not done and len(pipeline.SpikeTrain):
            halfway()
            done = True
        if time.monotonic() > ends:
            raise TimeoutError(f"{left} results are still missing.")
        time.sleep(0.2)
    if not done:
        halfway()
    say(f"computed {sum(map(len, pipeline.COMPUTED))} results")
    return pipeline


def store_array(connection: lv.Connection) -> None:
    """Store an array in the bucket and fetch it again."""
    schema = lv.Schema("lab_in_a_box", connection=connection)

    class Image(lv.Manual):
        definition = """
        image : int32
        ---
        pixels : <blob@main>
        """

    table = schema(Image)
    pixels = np.arange(1_000_000.0)
    table.insert1({"image": 1, "pixels": pixels})
    if not np.array_equal((table & {"image": 1}).fetch1("pixels"), pixels):
        raise RuntimeError("The bucket returned another array.")


def run(lab: Lab, say: Callable[[str], None], halfway: Callable[[], None] = lambda: None) -> None:
    """Compute, use the bucket, make a backup, and look at the dashboard.

    Args:
        lab: The lab.
        say: Called with each step, in words.
        halfway: Called once when some results are there.
    """
    say(f"two servers at {lab.url}, {WORKERS} workers")
    with lab.connect() as connection:
        compute(say, halfway)
        store_array(connection)
        say("stored an array in the bucket")
        say(f"made a backup: {lab.back_up().strip().splitlines()[-1]}")
    if "<html" not in lab.read_page():
        raise RuntimeError("The dashboard shows no page.")
    say(f"dashboard at {lab.dashboard}, with the authority {lab.authority} and the token in {lab.token_file}")


def _environment(more: Mapping[str, str] | None) -> dict[str, str]:
    """Return this environment without settings of Levada, and some more."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LEVADA_")}
    return {**kept, **(more or {})}


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def main() -> None:
    """Run a lab; in a terminal, leave it open until Enter is pressed."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with opened() as lab:
        run(lab, lambda text: print(f"levada: {text}", flush=True))
        if sys.stdin.isatty():
            input("levada: press Enter to stop everything")
    print("levada: everything has ended")


if __name__ == "__main__":
    main()

"""Make the databases of DataJoint that the tests of the import read, with DataJoint itself, and dump them.

Run it with `.venv/bin/python -m tests.samples.import_datajoint.make_dumps` where Debian's mariadb-server is installed.
Each version of DataJoint is installed into an environment of its own below build/, by Python 3.11. It replaces
`lab_0_14.sql` and `lab_2_3.sql` with the folders of their stores, and `lab_2_3_mariadb.sql`.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from levada_server.embedded import embedded
from levada_server.embedded.postgres_programs import account_for, find_programs
from tests.support.mariadb import mariadb

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
PACKAGES = {
    "0_14": ("datajoint==0.14.10", "setuptools<80"),
    "2_3": ("datajoint==2.3.5", "psycopg2-binary>=2.9"),
    "2_3_mariadb": ("datajoint==2.3.5",),
}
USER = "CREATE USER 'dj'@'localhost' IDENTIFIED BY 'dj'; GRANT ALL ON *.* TO 'dj'@'localhost' WITH GRANT OPTION"


def python_with(version: str) -> Path:
    """Return the Python of an environment with a version of DataJoint."""
    home = ROOT / "build" / "datajoint" / f"lab_{version}"
    python = home / "bin" / "python"
    if not python.exists():
        venv.create(home, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES[version]], check=True)
    return python


def fill(version: str, folder: Path, settings: dict[str, str], stores: Path | None = None) -> None:
    """Run the program of a laboratory, and keep what it puts into its stores."""
    stores = stores or HERE / f"stores_{version}"
    shutil.rmtree(stores, ignore_errors=True)
    clean = {"HOME": str(folder), "PATH": os.environ["PATH"], **settings}
    program = HERE / f"lab_{version.removesuffix('_mariadb')}.py"
    subprocess.run([python_with(version), program, stores], check=True, cwd=folder, env=clean)


def make_0_14(folder: Path) -> str:
    """Fill a MariaDB, and dump it."""
    port = free_port()
    with mariadb(folder / "mariadb", port=port) as server:
        server.run(USER)
        fill("0_14", folder, {"DJ_HOST": f"127.0.0.1:{port}", "DJ_USER": "dj", "DJ_PASS": "dj"})
        return server.dump(["a-animal", "Upper", "lab", "loop"])


def make_2_3_mariadb(folder: Path) -> str:
    """Fill a MariaDB by DataJoint 2.3, without content of stores, and dump it."""
    port = free_port()
    account = {"DJ_BACKEND": "mysql", "DJ_USER": "dj", "DJ_PASS": "dj"}
    with mariadb(folder / "mariadb", port=port) as server:
        server.run(USER)
        fill("2_3_mariadb", folder, {**account, "DJ_HOST": "127.0.0.1", "DJ_PORT": str(port)}, folder / "stores")
        return server.dump(["animal", "lab2"])


def make_2_3(folder: Path) -> str:
    """Fill a PostgreSQL, and dump it."""
    postgres = embedded.start(folder / "postgres")
    try:
        place = urlsplit(postgres.dsn)
        options = {name: values[0] for name, values in parse_qs(place.query).items()}
        account = {"DJ_USER": place.username or "", "DJ_PASS": "-"}
        database = {"DJ_BACKEND": "postgresql", "DJ_HOST": options["host"], "DJ_PORT": options["port"]}
        fill("2_3", folder, {**account, **database, "DJ_DATABASE_NAME": place.path.lstrip("/")})
        programs = find_programs(account_for(folder / "postgres"))
        dump = [str(programs.folder / "pg_dump"), "--inserts", "--no-owner", postgres.dsn]
        text = subprocess.run(dump, check=True, capture_output=True).stdout.decode()
    finally:
        postgres.stop()
    # The commands of psql are not SQL.
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("\\"))


def free_port() -> int:
    """Return a port that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def main() -> None:
    """Make all dumps, or the ones that the command line names."""
    for version, make in {"0_14": make_0_14, "2_3": make_2_3, "2_3_mariadb": make_2_3_mariadb}.items():
        if not sys.argv[1:] or version in sys.argv[1:]:
            with tempfile.TemporaryDirectory(prefix="levada-lab-") as name:
                folder = Path(name)
                folder.chmod(0o711)
                (HERE / f"lab_{version}.sql").write_text(make(folder), encoding="utf-8")


if __name__ == "__main__":
    main()

"""Measure `levada import-datajoint` with many rows and large blobs: `python -m benchmarks.import_datajoint`.

It needs Debian's mariadb-server. It fills a MariaDB with tables as DataJoint has them, imports them twice into a server
of its own, and prints how long that took. Nothing is left behind.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.support.mariadb import mariadb

_BLOB_DOUBLES = 125_000
"""The length of the array in each blob: 1 MB."""

SCHEMA = """
CREATE DATABASE bench; USE bench;
CREATE TABLE `plain` (id int NOT NULL, x double NOT NULL, y float NOT NULL, word varchar(20) NOT NULL,
  moment datetime NOT NULL, PRIMARY KEY (id));
INSERT INTO plain SELECT seq, seq / 7, seq / 3, CONCAT('word ', seq MOD 1000), '2024-01-01' + INTERVAL seq SECOND
  FROM seq_1_to_{rows};
CREATE TABLE `blobs` (id int NOT NULL, value longblob NOT NULL, PRIMARY KEY (id));
INSERT INTO blobs SELECT seq, CONCAT(x'6D596D0041', x'0200000000000000', x'0100000000000000', x'{length}',
  x'0600000000000000', REPEAT(SUBSTR(CONCAT(UNHEX(SHA2(seq, 512)), UNHEX(SHA2(seq + 1, 512))), 1, 40), {repeats}))
  FROM seq_1_to_{blobs};
"""


def levada(*words: str) -> None:
    """Run a command."""
    subprocess.run([sys.executable, "-m", "levada", *words], check=True)


def main() -> None:
    """Make the database, import it twice, and print the times."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--blobs", type=int, default=1_000, help="of 1 MB each")
    options = parser.parse_args()
    length = _BLOB_DOUBLES.to_bytes(8, "little").hex()
    statements = SCHEMA.format(rows=options.rows, blobs=options.blobs, length=length, repeats=_BLOB_DOUBLES // 5)
    with tempfile.TemporaryDirectory(prefix="levada-bench-") as name, mariadb(Path(name) / "m") as server:
        server.run(statements)
        Path(name).chmod(0o711)
        os.chdir(name)
        for attempt in ("--plan", "--yes", "--yes"):
            begin = time.monotonic()
            levada("import-datajoint", server.url, "bench", attempt)
            print(f"{attempt}: {time.monotonic() - begin:.1f} s")
        levada("stop")


if __name__ == "__main__":
    main()

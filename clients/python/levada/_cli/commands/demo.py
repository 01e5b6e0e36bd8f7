"""The command `levada demo`: a first look, with a server of its own, in a folder that is removed afterwards."""

from __future__ import annotations

import importlib
import os
import shutil
import sys
import tempfile
import textwrap
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from levada._base.errors import Unsupported
from levada._base.installation import install_command, missing_server_modules
from levada._cli.commands.init import write_project
from levada._cli.output import write_styled
from levada._cli.project import project_files
from levada._net import embedded
from levada._net.address import use
from levada._net.connection import Connection
from levada._views.diagram import Diagram

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

_NAME = "demo_project"
_WINDOWS = "nt"


def demo(_options: argparse.Namespace) -> int:
    """Make a project, fill it, compute, delete a result and compute it again."""
    if os.name == _WINDOWS:
        raise Unsupported("No server runs on Windows. Run `levada demo` in WSL, or name a server by LEVADA_URL.")
    if missing := missing_server_modules():
        raise Unsupported(f"The demo needs the server, and {missing[0]} is missing; run {install_command('server')}")
    with _own_folder() as folder, _own_server(folder) as connection:
        use(connection)
        _show()
    print("The server has stopped, and its data are removed.\n")
    write_styled("Next", "bold")
    print(": levada init my_project makes this project in a folder of yours.")
    return 0


def _show() -> None:
    write_project(Path(), project_files(_NAME))
    _step("A project, as `levada init` makes it. Its pipeline is one module:")
    print(textwrap.indent(Path(_NAME, "pipeline.py").read_text(encoding="utf-8"), "    "))
    pipeline = importlib.import_module(f"{_NAME}.pipeline")
    recording, rate = pipeline.Recording, pipeline.FiringRate

    _step("Importing it has declared two tables; FiringRate depends on Recording:")
    print(f"{Diagram(pipeline.schema)}\n")
    _step("Insert four simulated recordings, and compute what is missing:")
    pipeline.fill()
    print(recording())
    print(f"FiringRate.populate() → {rate.populate()['success_count']} computed\n")
    print(rate())
    _step("A second run computes nothing, because nothing is missing:")
    print(f"FiringRate.populate() → {rate.populate()['success_count']} computed\n")
    _step("Queries join and restrict on the server:")
    print((recording * rate & "mean_rate > 30").proj("neuron", "mean_rate"))
    _step("Deleting a recording also deletes what was computed from it. Correct it, and only that is computed again:")
    wrong = recording & "recording_id = 2"
    row = wrong.fetch1()
    print(f"{wrong.delete(dry_run=True)}")
    wrong.delete(prompt=False)
    recording.insert1({**row, "spike_times": row["spike_times"][::2]})
    print(f"FiringRate.populate() → {rate.populate()['success_count']} computed\n")
    print(rate())


def _step(text: str) -> None:
    write_styled(f"── {text}", "bold")
    print("\n")


@contextmanager
def _own_folder() -> Iterator[Path]:
    """Work in a folder that is removed at the end."""
    before = Path.cwd()
    folder = Path(tempfile.mkdtemp(prefix="levada-demo-"))
    folder.chmod(0o711)  # if root runs this, PostgreSQL runs as another user, who must have access
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    try:
        yield folder
    finally:
        os.chdir(before)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _own_server(folder: Path) -> Iterator[Connection]:
    """Start the local server of a folder, and stop it at the end."""
    data = folder / ".levada"
    try:
        with Connection(embedded.join_or_start(data)) as connection:
            yield connection
    finally:
        if (found := embedded.running(data)) is not None:
            embedded.stop(found)

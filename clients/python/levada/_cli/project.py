"""The files of a new project: a package with two small tables, a notebook, and what belongs around them."""

from __future__ import annotations

import json
import keyword
import re
from typing import TYPE_CHECKING

from levada._base.errors import InvalidRequest
from levada._base.installation import requirement
from levada._net.versions import own_version

if TYPE_CHECKING:
    from collections.abc import Sequence

_PIPELINE = '''"""The pipeline: recordings, and the firing rates that are computed from them."""

import numpy as np

import levada as lv

schema = lv.Schema("{name}")


@schema
class Recording(lv.Manual):
    definition = """
    # The spikes of a neuron during a stimulus
    recording_id : int32
    ---
    neuron      : varchar(32)
    duration    : float64  # in s
    spike_times : <blob>   # in s from the start, float64 (n_spikes,)
    """


@schema
class FiringRate(lv.Computed):
    definition = """
    # How often a neuron fires, and how evenly
    -> Recording
    ---
    mean_rate   : float64  # in Hz
    interval_cv : float64  # std / mean of the intervals between spikes; 1 if they are random
    """

    def make(self, key):
        spike_times, duration = (Recording & key).fetch1("spike_times", "duration")
        intervals = np.diff(spike_times)
        rate = spike_times.size / duration
        self.insert1({{**key, "mean_rate": rate, "interval_cv": intervals.std() / intervals.mean()}})


def fill():
    """Insert four simulated recordings; rows that are there already stay."""
    random = np.random.default_rng(1)
    rows = []
    for number, (neuron, rate) in enumerate([("A", 20.0), ("A", 40.0), ("B", 60.0), ("B", 80.0)], start=1):
        spike_times = np.cumsum(random.exponential(1 / rate, size=int(10 * rate)))
        spike_times = spike_times[spike_times < 10.0]
        rows.append({{"recording_id": number, "neuron": neuron, "duration": 10.0, "spike_times": spike_times}})
    Recording.insert(rows, skip_duplicates=True)


if __name__ == "__main__":
    fill()
    FiringRate.populate(display_progress=True)
    print(FiringRate())
'''

_README = """# {title}

A pipeline on Levada: `{name}/pipeline.py` defines its tables and how their rows are computed.

```bash
python -m {name}.pipeline       # insert example rows, and compute
levada query {name}.FiringRate  # look at the results
levada diagram {name}           # the tables, and which depends on which
```

`first_look.ipynb` does the same in a notebook. If JupyterLab is missing: `pip install jupyterlab`, then `jupyter lab`.

The data are in the folder `.levada`, which belongs to the database: copy them by `levada backup`. To work with a server
of your lab instead, set `LEVADA_URL` to its address.
"""

_GITIGNORE = """# The database of the local server.
.levada/
# Python and notebooks.
.ipynb_checkpoints/
.venv/
__pycache__/
*.egg-info/
"""

_PYPROJECT = """[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "{name}"
version = "0.1.0"
description = "A pipeline on Levada"
requires-python = ">=3.11"
{dependencies}
[tool.hatch.build.targets.wheel]
packages = ["{name}"]

[tool.hatch.metadata]
allow-direct-references = true
"""

_CELLS = (
    ("markdown", "# First look\n\nRun the cells from top to bottom. The first connection starts a local server."),
    ("code", "from {name}.pipeline import FiringRate, Recording, fill, schema\n\nimport levada as lv"),
    ("code", "fill()\nRecording()"),
    ("markdown", "`populate` calls `make` once for each recording that has no firing rate yet."),
    ("code", "FiringRate.populate()"),
    ("markdown", "Operators build a query: `*` joins, `&` restricts."),
    ("code", 'Recording * FiringRate & "mean_rate > 30"'),
    ("code", "lv.Diagram(schema)"),
)


def project_files(name: str) -> dict[str, str]:
    """Return the texts of a new project by their paths in its folder.

    Args:
        name: The name of its package, which is its schema's too.
    """
    title = name.replace("_", " ").capitalize()
    return {
        "pyproject.toml": _PYPROJECT.format(name=name, dependencies=_dependencies()),
        "README.md": _README.format(name=name, title=title),
        ".gitignore": _GITIGNORE,
        f"{name}/__init__.py": f'"""{title}."""\n',
        f"{name}/pipeline.py": _PIPELINE.format(name=name),
        "first_look.ipynb": _notebook([(kind, text.format(name=name)) for kind, text in _CELLS]),
    }


def package_name(folder_name: str) -> str:
    """Return the name of a package and schema for a folder: `My project-2` is `my_project_2`.

    Raises:
        InvalidRequest: No such name can be made of it.
    """
    name = re.sub(r"\W+", "_", folder_name.lower(), flags=re.ASCII).strip("_")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise InvalidRequest(
            f"{folder_name!r} cannot name a package; choose a folder whose name begins with a letter from a to z."
        )
    return name


def _dependencies() -> str:
    """Return the lines about Levada: from where this one was installed, because its name alone is not at the index."""
    found = requirement("server")
    if found is None:
        return f"# Add Levada {own_version()} from its wheel or repository here.\ndependencies = []\n"
    return f"dependencies = [{json.dumps(found)}]\n"


def _notebook(cells: Sequence[tuple[str, str]]) -> str:
    """Write a notebook.

    Source: nbformat 4.5.
    """
    written: list[dict[str, object]] = []
    for number, (kind, text) in enumerate(cells):
        cell = {"cell_type": kind, "id": f"cell-{number}", "metadata": {}, "source": text.splitlines(keepends=True)}
        written.append(cell | ({"execution_count": None, "outputs": []} if kind == "code" else {}))
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return json.dumps({"cells": written, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}, indent=1) + "\n"

"""Checks of what is installed: Python, the packages, the command in PATH, the keyring, MATLAB's gateway."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from levada._base.installation import install_command, missing_server_modules, origin
from levada._cli.health.finding import OK, PROBLEM, WARNING, Finding
from levada._net.versions import own_version

if TYPE_CHECKING:
    from collections.abc import Iterator

NEEDED = (
    "argcomplete",
    "blake3",
    "google.protobuf",
    "google.rpc.status_pb2",
    "grpc",
    "grpc_status",
    "networkx",
    "numpy",
    "pyarrow",
    "rich",
)
_OPTIONAL = {"pandas": "DataFrames", "polars": "polars' DataFrames", "resvg_py": "diagrams as PNG"}
_GATEWAYS = Path("clients/matlab/toolbox/+levada/+internal/+calls")
_MATLAB_PROGRAMS = ("matlab", "octave", "octave-cli")


def check_installation() -> Iterator[Finding]:
    """Check everything that does not depend on a folder or a server."""
    yield Finding(
        "python", OK, f"{platform.python_version()} in {sys.prefix}, {platform.system()} on {platform.machine()}"
    )
    yield from _packages()
    yield _server()
    yield from _command()
    absent = [
        f"{name.replace('_', '-')} ({use})" for name, use in _OPTIONAL.items() if importlib.util.find_spec(name) is None
    ]
    if absent:
        yield Finding("extras", OK, f"not installed: {', '.join(absent)}")
    yield _keyring()
    yield from _gateway()


def _packages() -> Iterator[Finding]:
    """Import what the client needs: a broken or half-removed package only shows so."""
    broken = []
    for name in NEEDED:
        try:
            importlib.import_module(name)
        except Exception as error:  # noqa: BLE001  # a broken package may raise anything
            broken.append(f"{name} ({type(error).__name__}: {error})")
    if broken:
        yield Finding("levada", PROBLEM, f"cannot import {', '.join(broken)}", f"run {install_command('')}")
    else:
        yield Finding("levada", OK, f"{own_version()}, from {origin() or 'an unknown place'}")


def _server() -> Finding:
    if os.name == "nt":
        return Finding("server", OK, "no server runs on Windows; use one in WSL or on another machine")
    missing = missing_server_modules()
    if len(missing) == 0:
        return Finding("server", OK, "installed, so that a local server can start")
    advice = f"for a local server run {install_command('server')}"
    return Finding("server", OK, f"not installed ({missing[0]} is missing); the client needs none of it", advice)


def _command() -> Iterator[Finding]:
    """Check whether the command of PATH is this one: two installations confuse for hours."""
    found = shutil.which("levada")
    if found is None:
        folder = Path(sys.executable).parent
        yield Finding("command", WARNING, "`levada` is not in PATH", f'add it: export PATH="{folder}:$PATH"')
    elif Path(found).parent.resolve() != Path(sys.executable).parent.resolve():
        message = f"`levada` in PATH is {found}, and this one runs with {sys.executable}"
        yield Finding("command", WARNING, message, "activate the environment that you mean")


def _keyring() -> Finding:
    if importlib.util.find_spec("keyring") is None:
        return Finding("keyring", OK, "the package keyring is not installed; tokens are kept in a file of yours alone")
    try:
        import keyring

        backend = keyring.get_keyring()
    except Exception as error:  # noqa: BLE001  # backends of other packages
        return Finding("keyring", WARNING, f"it fails: {error}", "unlock it, or uninstall the package keyring")
    usable = float(backend.priority) > 0
    return Finding(
        "keyring", OK, f"{backend.name}{'' if usable else ': none; tokens are kept in a file of yours alone'}"
    )


def _gateway() -> Iterator[Finding]:
    """Look for MATLAB's gateway if this is a clone with MATLAB or Octave beside it."""
    programs = [name for name in _MATLAB_PROGRAMS if shutil.which(name)]
    root = next((parent for parent in Path(__file__).resolve().parents if (parent / _GATEWAYS).is_dir()), None)
    if root is None or not programs:
        return
    built = sorted(file.name for file in (root / _GATEWAYS).glob("levada_gateway.mex*"))
    if built:
        yield Finding("MATLAB", OK, f"{programs[0]}, with the gateway {built[0]}")
    else:
        yield Finding(
            "MATLAB", OK, f"{programs[0]} is here, and the gateway is not built", "if you need it: make matlab"
        )

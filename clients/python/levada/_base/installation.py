"""How this installation of Levada was made, so that messages can say how to complete it."""

from __future__ import annotations

import importlib.util
import json
import shlex
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, distribution
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_SERVER_MODULES = ("levada_server", "asyncpg", "grpc_health", "grpc_reflection", "h11", "prometheus_client")
_WHEREVER = "THE-WHEEL-OR-REPOSITORY"


def install_command(extra: str) -> str:
    """Return the command that installs an extra from where Levada was installed: a wheel or a repository."""
    url, editable = _direct_url()
    named = f"levada[{extra}]" if extra else "levada"
    if editable:
        folder = url.removeprefix("file://")
        return f"python -m pip install --editable {shlex.quote(f'{folder}[{extra}]' if extra else folder)}"
    # The name alone is not at the package index.
    return f"python -m pip install {shlex.quote(f'{named} @ {url or _WHEREVER}')}"


@contextmanager
def needing(package: str) -> Iterator[None]:
    """Say how to install a package whose import fails within the block; an extra has its name.

    Raises:
        ModuleNotFoundError: It is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        text = f"This needs {package}, which is not installed: `{install_command(package)}`."
        raise ModuleNotFoundError(text, name=package) from None


def missing_server_modules() -> list[str]:
    """Return the modules of the server that are not installed."""
    return [name for name in _SERVER_MODULES if importlib.util.find_spec(name) is None]


def requirement(extra: str) -> str | None:
    """Return a requirement of PEP 508 for the same Levada with an extra; None if nobody knows where it came from."""
    url, _ = _direct_url()
    return f"levada[{extra}] @ {url}" if url else None


def origin() -> str:
    """Return where Levada was installed from; empty if nobody knows."""
    url, editable = _direct_url()
    return f"{url.removeprefix('file://')}{' (editable)' if editable else ''}"


def _direct_url() -> tuple[str, bool]:
    """Return the wheel or repository, and whether it is installed editable.

    Source: PEP 610, "Recording the Direct URL Origin of installed distributions".
    """
    try:
        found = json.loads(distribution("levada").read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, ValueError):
        found = {}
    return str(found.get("url") or ""), bool(found.get("dir_info", {}).get("editable"))

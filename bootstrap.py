"""Prepare .venv for the Makefile: `python3 bootstrap.py EXTRAS` installs this project into it, editable.

Needs only the standard library, and works without ensurepip, which Debian ships in its own package.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"


class SetupError(Exception):
    """A problem that the user has to fix; the message says how."""


def main() -> None:
    """Create .venv unless there is one that works, and install the project with the extras named in argv."""
    extras = sys.argv[1]
    try:
        if not runs([str(PYTHON), "-m", "pip", "--version"]):
            say(f"creating .venv with Python {sys.version.split()[0]}")
            create_venv()
        say(f"installing levada[{extras}] into .venv (minutes the first time)")
        install(extras)
    except SetupError as error:
        sys.exit(f"levada: {error}")


def create_venv() -> None:
    """Create .venv with pip in it, in the first of three ways that this machine allows.

    Raises:
        SetupError: None of them works.
    """
    for way in (with_ensurepip, with_another_pip, with_debian_package):
        shutil.rmtree(VENV, ignore_errors=True)
        if way():
            return
    raise SetupError(
        "this Python cannot create a virtual environment: it lacks ensurepip and pip. "
        "Install it (on Debian: apt-get install python3-venv), then repeat."
    )


def with_ensurepip() -> bool:
    """Create .venv as Python does by itself."""
    return runs([sys.executable, "-m", "venv", str(VENV)])


def with_another_pip() -> bool:
    """Create .venv without pip, and let the system's own pip, if there is one, install pip into it."""
    return runs([sys.executable, "-m", "venv", "--without-pip", str(VENV)]) and runs(
        [sys.executable, "-m", "pip", "--python", str(PYTHON), "install", "--quiet", "pip"]
    )


def with_debian_package() -> bool:
    """Create .venv after installing the Debian package that contains ensurepip; only root may."""
    return (
        os.geteuid() == 0
        and runs(["apt-get", "update", "--quiet=2"])
        and runs(["apt-get", "install", "--yes", "--no-install-recommends", "python3-venv"])
        and with_ensurepip()
    )


def install(extras: str) -> None:
    """Install the project, editable, with its dependencies.

    Raises:
        SetupError: pip failed; its message is on standard error.
    """
    command = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    if subprocess.run([*command, "--editable", f"{ROOT}[{extras}]"], stdin=subprocess.DEVNULL).returncode:
        raise SetupError("pip could not install the project; its message is above.")


def runs(command: list[str]) -> bool:
    """Run a command silently, and return whether it exists and succeeded."""
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True).returncode == 0
    except OSError:
        return False


def say(step: str) -> None:
    """Print one line about the next step, at once."""
    print(f"levada: {step}", flush=True)


if __name__ == "__main__":
    main()

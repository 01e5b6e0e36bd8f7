"""Prepare .venv for the Makefile: `python3 bootstrap.py EXTRAS` installs this project into it, editable.

Needs nothing but the standard library, and works without ensurepip, which Debian keeps in its own package.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urldefrag, urljoin
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"

# The pip that starts a .venv where ensurepip is missing. With its digest fixed, any index may hand it out.
PIP_WHEEL = "pip-25.3-py3-none-any.whl"
PIP_WHEEL_SHA256 = "9655943313a94722b7774661c21049070f6bbb0a1516bf02f7c8d5d9201514cd"
DEFAULT_INDEX = "https://pypi.org/simple"
DOWNLOAD_TIMEOUT_S = 60


class SetupError(Exception):
    """Something that the person at the keyboard has to mend; the message says how."""


def main() -> None:
    """Create .venv if there is none that works, and install the project with the extras named in argv."""
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
    """Create .venv with pip in it, by the first of three ways that this machine allows.

    Raises:
        SetupError: None of them does.
    """
    shutil.rmtree(VENV, ignore_errors=True)
    if runs([sys.executable, "-m", "venv", str(VENV)]):
        return
    shutil.rmtree(VENV, ignore_errors=True)
    if runs([sys.executable, "-m", "venv", "--without-pip", str(VENV)]):
        try:
            install_pip_from_index()
        except OSError as error:
            reason = f"pip could not be downloaded: {error}"
        else:
            return
    else:
        reason = "this Python has no module venv"
    if os.geteuid() == 0 and runs(["apt-get", "install", "--yes", "--no-install-recommends", "python3-venv"]):
        shutil.rmtree(VENV, ignore_errors=True)
        if runs([sys.executable, "-m", "venv", str(VENV)]):
            return
    raise SetupError(f"{reason}. Install it (on Debian: apt-get install python3-venv), then repeat.")


def install_pip_from_index() -> None:
    """Install pip into a .venv without it, from the index that pip itself would use.

    Raises:
        OSError: The index cannot be read, or does not have the wheel with the right digest.
    """
    index = os.environ.get("PIP_INDEX_URL", DEFAULT_INDEX).rstrip("/") + "/pip/"
    with urlopen(index, timeout=DOWNLOAD_TIMEOUT_S) as page:
        links = re.findall(r'href="([^"]+)"', page.read().decode())
    link = next((link for link in links if urldefrag(link).url.endswith("/" + PIP_WHEEL)), None)
    if link is None:
        raise OSError(f"{index} does not list {PIP_WHEEL}")
    with urlopen(urljoin(index, urldefrag(link).url), timeout=DOWNLOAD_TIMEOUT_S) as answer:
        content = answer.read()
    if hashlib.sha256(content).hexdigest() != PIP_WHEEL_SHA256:
        raise OSError(f"{PIP_WHEEL} from {index} does not have the expected digest")
    with tempfile.TemporaryDirectory() as folder:
        wheel = Path(folder, PIP_WHEEL)
        wheel.write_bytes(content)
        # A wheel is a zip file, and Python runs a package straight out of one.
        if not runs([str(PYTHON), f"{wheel}/pip", "install", "--quiet", "--no-index", str(wheel)]):
            raise OSError(f"{PIP_WHEEL} did not install itself")


def install(extras: str) -> None:
    """Install the project, editable, with its dependencies.

    Raises:
        SetupError: pip failed; it has said why on standard error.
    """
    command = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    if subprocess.run([*command, "--editable", f"{ROOT}[{extras}]"], stdin=subprocess.DEVNULL).returncode:
        raise SetupError("pip could not install the project; what stopped it is above.")


def runs(command: list[str]) -> bool:
    """Run a command in silence, and tell whether it is there and succeeded."""
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True).returncode == 0
    except OSError:
        return False


def say(step: str) -> None:
    """Print one line about what comes next, at once."""
    print(f"levada: {step}", flush=True)


if __name__ == "__main__":
    main()

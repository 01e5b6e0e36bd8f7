"""A kernel of Jupyter, which runs cells as a notebook does."""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_client.manager import KernelManager

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jupyter_client.blocking.client import BlockingKernelClient

KERNEL_TIMEOUT_S = 60
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass
class Output:
    """The output of a cell.

    Attributes:
        shown: The data of each output by media type, as they are at the end.
        stdout: The text that it printed.
        stderr: The text that it printed for errors, which notebooks frame in red.
        error: The class of its error; empty if there is none.
        traceback: As it is shown, without colours.
    """

    shown: list[dict[str, str]] = field(default_factory=list)
    stdout: str = ""
    stderr: str = ""
    error: str = ""
    traceback: str = ""


class Kernel:
    """A kernel that nobody can type to."""

    def __init__(self, client: BlockingKernelClient) -> None:
        self._client = client

    def run(self, code: str) -> Output:
        """Run a cell."""
        output = Output()
        places: dict[str, int] = {}

        def take(message: Mapping[str, Any]) -> None:
            content = message["content"]
            match message["msg_type"]:
                case "stream":
                    setattr(output, content["name"], getattr(output, content["name"]) + content["text"])
                case "execute_result" | "display_data":
                    places[content.get("transient", {}).get("display_id", "")] = len(output.shown)
                    output.shown.append(content["data"])
                case "update_display_data":
                    output.shown[places[content["transient"]["display_id"]]] = content["data"]
                case "error":
                    output.error = content["ename"]
                    output.traceback = _COLOUR.sub("", "\n".join(content["traceback"]))
                case _:
                    pass

        self._client.execute_interactive(code, allow_stdin=False, output_hook=take, timeout=KERNEL_TIMEOUT_S)
        return output

    def complete(self, code: str) -> list[str]:
        """Return the completions at the end of some code."""
        reply = self._client.complete(code, reply=True, timeout=KERNEL_TIMEOUT_S)
        matches: list[str] = reply["content"]["matches"]
        return matches


@contextmanager
def kernel(folder: Path, environment: Mapping[str, str]) -> Iterator[Kernel]:
    """Start a kernel with this Python, which works in a folder, and stop it at the end."""
    sockets = Path(tempfile.mkdtemp(prefix="lv-"))  # nobody else enters it, and its path is short enough for a socket
    manager = KernelManager()
    manager.connection_file = str(sockets / "kernel.json")
    manager.transport = "ipc"
    manager.ip = str(sockets / "k")
    assert manager.kernel_spec is not None
    manager.kernel_spec.argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    manager.start_kernel(cwd=str(folder), env={**environment, "IPYTHONDIR": str(folder / "ipython")})
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=KERNEL_TIMEOUT_S)
        yield Kernel(client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()
        shutil.rmtree(sockets, ignore_errors=True)

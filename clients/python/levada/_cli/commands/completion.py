"""The command `levada completion`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from argcomplete.shell_integration import shellcode

if TYPE_CHECKING:
    import argparse


def script(options: argparse.Namespace) -> int:
    """Print the lines that let a shell complete."""
    lines = shellcode(["levada"], shell=options.shell)
    if options.shell == "zsh":  # its own completion must be on, and its functions may be loaded once more
        lines = f"autoload -U +X compinit && (( $+functions[compdef] )) || compinit\n{lines}"
    print(lines)
    return 0

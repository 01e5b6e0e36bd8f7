"""Handlers of signals that are of this process alone: a process forked from it has Python's own again."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

Handler: TypeAlias = "Callable[[int, Any], Any] | int | signal.Handlers | None"  # Any: a frame, and nothing

_OURS: dict[int, Handler] = {}
_forking = threading.local()


def handle(number: int, handler: Handler) -> Handler:
    """Handle a signal in this process and in none that it starts; return the handler until now.

    A program that it starts by `exec` has the system's own in any case, unless a signal is ignored.
    """
    before = signal.signal(number, handler)
    _OURS[number] = handler
    return before


def hand_back(number: int, before: Handler) -> None:
    """Let a signal have its earlier handler again."""
    _OURS.pop(number, None)
    signal.signal(number, before)


def _hold_back() -> None:
    """Block our signals while a process forks: its child shall get none before it has its own handlers."""
    _forking.before = signal.pthread_sigmask(signal.SIG_BLOCK, _OURS)


def _go_on() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, _forking.before)


def _let_go() -> None:
    """Restore the handlers of a plain interpreter in a forked process, so that signals end it as usual."""
    for number, handler in _OURS.items():
        if signal.getsignal(number) is handler:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    _OURS.clear()
    _go_on()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(before=_hold_back, after_in_parent=_go_on, after_in_child=_let_go)

"""Questions to the user."""

from __future__ import annotations

import getpass
import sys
from typing import TYPE_CHECKING

from levada._base.config import config
from levada._base.errors import PreconditionFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def user_choice(prompt: str, choices: Sequence[str] = ("yes", "no"), default: str | None = None) -> str:
    """Ask until the answer is one of the choices, or its first letter; an empty answer is the default.

    Returns:
        The choice.

    Raises:
        PreconditionFailed: There is nobody to ask.
    """
    return choose(prompt, choices, default, "Pass prompt=False, or set config['safemode'] = False.")


def choose(prompt: str, choices: Sequence[str], default: str | None, otherwise: str) -> str:
    """Ask as `user_choice` does.

    Args:
        otherwise: How to go on without an answer, in a sentence.
    """
    if len(choices) == 1:
        default = choices[0]
    several = len(choices) > 1
    shown = ", ".join(choice.title() if several and choice == default else choice for choice in choices)
    while True:
        try:
            answer = input(f"{prompt} [{shown}]: ").strip()
        except (EOFError, NotImplementedError):  # the latter where a kernel runs a notebook that nobody reads
            raise _no_answer(prompt, otherwise) from None
        if answer in choices:
            return answer
        if not answer and default is not None:
            return default
        typed = answer.lower()
        meant = [choice for choice in choices if typed in (choice.lower(), choice[:1].lower())]
        if len(meant) == 1:
            return meant[0]
        enter = "" if default is None else f", or press Enter for {default}"
        sys.stdout.write(f"Write one of: {', '.join(choices)}{enter}.\n")


def type_text(prompt: str, default: str, fault: Callable[[str], str], otherwise: str) -> str:
    """Ask for a text, until it has no fault; an empty answer is the default.

    Args:
        default: Empty if there is none.
        fault: Returns what is wrong with a text, in a sentence; nothing if it can be taken.
        otherwise: How to go on without an answer, in a sentence.

    Raises:
        PreconditionFailed: There is nobody to ask.
    """
    shown = f" [{default}]" if default else ""
    while True:
        try:
            answer = input(f"{prompt}{shown}: ").strip() or default
        except (EOFError, NotImplementedError):
            raise _no_answer(prompt, otherwise) from None
        wrong = fault(answer)
        if not wrong:
            return answer
        sys.stdout.write(f"{wrong}\n")


def type_secret(prompt: str, otherwise: str) -> str:
    """Ask for a text that is not shown while it is typed.

    Args:
        otherwise: How to go on without an answer, in a sentence.

    Raises:
        PreconditionFailed: There is nobody to ask.
    """
    try:
        return getpass.getpass(f"{prompt}: ")
    except (EOFError, NotImplementedError):
        raise _no_answer(prompt, otherwise) from None


def _no_answer(prompt: str, otherwise: str) -> PreconditionFailed:
    sys.stdout.write("\n")  # the line of the question ends
    return PreconditionFailed(f"No answer came to {prompt!r}. {otherwise}")


def asks(prompt: bool | None) -> bool:
    """Return whether to ask: as `prompt` says; None: as the setting `safemode` does."""
    return bool(config["safemode"]) if prompt is None else prompt


def confirm(lines: Sequence[str], question: str, prompt: bool | None) -> bool:
    """Show an action and ask for confirmation, unless told not to ask.

    Args:
        prompt: Whether to ask; None: according to the setting `safemode`.
    """
    if not asks(prompt):
        return True
    sys.stdout.write("\n".join([*lines, ""]))
    return user_choice(question, default="no") == "yes"

"""Extensions of interactive shells: objects show themselves, and IPython and Jupyter complete names."""

from __future__ import annotations

import builtins
import sys
import threading
from types import MethodType
from typing import TYPE_CHECKING, Protocol

from levada._query.relation import Relation
from levada._views.attribute_names import names_at, place_at_end

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from levada._base.display import Printer

_COMPLETION_SECONDS = 1.0
"""How long a completion may ask a server."""
_SHOW = "_repr_pretty_"
_MATCHER = "levada.attributes"


class _Context(Protocol):
    """The used part of what IPython says of a completion: all the code, and the place of the cursor in it."""

    full_text: str
    cursor_line: int
    cursor_position: int


def teach_shell() -> None:
    """Let the shell that runs this code show classes, schemas and methods well; IPython also completes names."""
    interactive = sys.modules.get("IPython")
    shell = interactive.get_ipython() if interactive else None
    if shell is None and (hasattr(sys, "ps1") or sys.flags.interactive):
        sys.displayhook = _display_before(sys.displayhook)
    if shell is None or getattr(shell, "Completer", None) is None:
        return
    shell.display_formatter.formatters["text/plain"].for_type(MethodType, _show_method)
    try:
        from IPython.core.completer import SimpleCompletion, context_matcher
    except ImportError:  # older than 8.6
        return

    @context_matcher(identifier=_MATCHER)  # type: ignore[untyped-decorator]
    def attributes(context: _Context) -> dict[str, object]:
        lines = context.full_text.split("\n")
        code = "\n".join([*lines[: context.cursor_line], lines[context.cursor_line][: context.cursor_position]])
        start, names = completions(code, shell.user_ns)
        found = [SimpleCompletion(text=name, type="attribute") for name in names]
        return {"completions": found, "matched_fragment": start, "suppress": bool(found)}

    known = shell.Completer.custom_matchers
    known[:] = [matcher for matcher in known if getattr(matcher, "matcher_identifier", "") != _MATCHER]
    known.append(attributes)


def completions(code: str, namespace: Mapping[str, object]) -> tuple[str, list[str]]:
    """Return the part of an attribute's name that is typed at the end of some code, and the names that continue it.

    A server that does not answer within a second, or not at all, completes nothing.
    """
    try:
        place = place_at_end(code)
    except Exception:  # noqa: BLE001  # whatever people type, the shell goes on
        place = None
    if place is None:
        return "", []
    found: list[str] = []

    def ask() -> None:
        try:
            found.extend(names_at(place, namespace))
        except Exception:  # noqa: BLE001  # as above; the classes are the users'
            found.clear()

    # A call may wait for a server for minutes, and Python cannot end it, but one can stop waiting for it.
    asking = threading.Thread(target=ask, name="levada-completion", daemon=True)
    asking.start()
    asking.join(_COMPLETION_SECONDS)
    return place.start, list(found)


class _Prompt:
    """A printer for Python's own prompt; IPython's has the same methods."""

    def __init__(self) -> None:
        self.stack: Sequence[object] = ()
        self.written = ""

    def text(self, text: str) -> None:
        """Keep a text."""
        self.written += text


def _display_before(show_other: Callable[[object], object]) -> Callable[[object], None]:
    """Return a function that shows an object at the prompt: as IPython does, or else by another function."""

    def show(value: object) -> None:
        printer = _Prompt()
        if isinstance(value, MethodType) and isinstance(value.__self__, Relation):
            _show_method(value, printer, False)
        elif show_itself := next((vars(one)[_SHOW] for one in type(value).__mro__ if _is_ours(one)), None):
            show_itself(value, printer, False)
        else:
            show_other(value)
            return
        builtins._ = value  # type: ignore[attr-defined]  # as Python's own prompt does
        sys.stdout.write(f"{printer.written}\n")

    return show


def _is_ours(one: type) -> bool:
    return _SHOW in vars(one) and one.__module__.startswith("levada.")


def _show_method(method: MethodType, printer: Printer, cycle: bool) -> None:
    """Show a method of a relation without its rows."""
    owner = method.__self__
    if isinstance(owner, Relation):
        printer.text(f"<method {method.__name__} of {type(owner).__name__}; call it: {method.__name__}(…)>")
    else:
        printer.text(repr(method))

"""Schemas that functions activated in this process; other processes call the functions again."""

from __future__ import annotations

import importlib
import inspect
import io
import pickle
import sys
from contextlib import suppress
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import FrameType

_recorded: dict[bytes, str] = {}
"""The address of the server by the call."""
_activating_modules: set[str] = set()
"""The names of the modules whose functions were called."""


def record(frame: FrameType, address: str) -> None:
    """Record the call of the function that activates a schema, if other processes can repeat it.

    They can if it is at the top level of a module that they import, and its arguments can be pickled. If one such
    function calls another of its module, the outer one is recorded.

    Args:
        frame: The code that activates the schema.
        address: The server of the schema.
    """
    function, caller = None, frame
    while caller.f_globals is frame.f_globals and (found := _at_top_level(caller)) is not None:
        function, frame = found, caller
        if caller.f_back is None:
            break
        caller = caller.f_back
    if function is not None:
        _activating_modules.add(function.__module__)
        with suppress(Exception):  # pickling runs the arguments' own methods
            _recorded[_pickled(function, *_arguments(frame))] = address


def activates_schemas(module: ModuleType) -> bool:
    """Return whether functions of a module have activated schemas in this process."""
    return module.__name__ in _activating_modules


def recorded(address: str) -> tuple[bytes, ...]:
    """Return the recorded calls for the schemas of a server, in their order."""
    return tuple(call for call, server in _recorded.items() if server == address)


def repeat_calls(calls: Iterable[bytes]) -> None:
    """Call the functions that another process has recorded, except where this one has done so."""
    for call in calls:
        if call not in _recorded:
            module, name, positional, named = pickle.loads(call)
            getattr(importlib.import_module(module), name)(*positional, **named)


class _Pickler(pickle.Pickler):
    def reducer_override(self, value: object) -> Any:  # noqa: ANN401  # as pickle has it
        """Pickle a module by its name."""
        if type(value) is ModuleType and value.__name__ not in _SCRIPTS:
            return importlib.import_module, (value.__name__,)
        return NotImplemented


_SCRIPTS = ("__main__", "__mp_main__")
"""Modules that other processes do not import under these names."""


def _at_top_level(frame: FrameType) -> Callable[..., object] | None:
    """Return the function of a frame if its module has it under its name."""
    name = frame.f_globals.get("__name__")
    function: object = None if name in _SCRIPTS else getattr(sys.modules.get(str(name)), frame.f_code.co_name, None)
    if not callable(function) or getattr(inspect.unwrap(function), "__code__", None) is not frame.f_code:
        return None
    return function


def _arguments(frame: FrameType) -> tuple[list[Any], dict[str, Any]]:  # Any: the user's own
    code, values = frame.f_code, frame.f_locals
    _, rest, more, _ = inspect.getargvalues(frame)
    named = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    positional = [values[name] for name in code.co_varnames[: code.co_argcount]]
    return (
        positional + list(values[rest] if rest else ()),
        {name: values[name] for name in named} | (values[more] if more else {}),
    )


def _pickled(function: Callable[..., object], positional: list[Any], named: dict[str, Any]) -> bytes:
    content = io.BytesIO()
    name = inspect.unwrap(function).__code__.co_name
    _Pickler(content).dump((function.__module__, name, positional, named))
    return content.getvalue()

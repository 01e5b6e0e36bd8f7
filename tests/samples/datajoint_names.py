"""Names, arguments and settings of DataJoint for Python, as `datajoint_names.json` keeps them for each version.

As a program it writes what the installed version has, from any environment; without arguments to standard output:

pip install datajoint==2.3.5
python tests/samples/datajoint_names.py
"""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import sys
import warnings
from enum import Enum
from pathlib import Path
from types import ModuleType
from typing import Any

FILE = Path(__file__).with_suffix(".json")
VERSIONS = ("0.14.10", "2.3.5")

_PACKAGE = "datajoint"
_SPECIAL = ("__author__", "__version__")
_NOT_NAMES = ("annotations", "TYPE_CHECKING")
_STARS: dict[object, str] = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
_PLAIN = (type(None), bool, int, float, str)


def names_of_installed() -> dict[str, Any]:
    """Describe the installed version.

    Returns:
        `names`: by the name below `datajoint`, the text of its arguments; None if it takes none because it is not
        called; `= table.Table` for the same object under another name. `settings`: the defaults, where they are plain.
    """
    package = importlib.import_module(_PACKAGE)
    found: dict[str, Any] = {}  # Any: whatever has a name
    for module in [*_submodules(package), package]:
        prefix = module.__name__.removeprefix(_PACKAGE).lstrip(".")
        for name in {*vars(module), *getattr(module, "__all__", ())}:
            value = getattr(module, name)  # some names are made when they are asked for
            if _counts(name, value):
                found[f"{prefix}.{name}".lstrip(".")] = value
    names: dict[str, str | None] = {}
    for name, value in found.items():
        _add(names, name, value, found)
    return {"names": dict(sorted(names.items())), "settings": dict(sorted(_settings(package.config).items()))}


def _submodules(package: ModuleType) -> list[ModuleType]:
    modules = []
    for found in pkgutil.walk_packages(package.__path__, f"{_PACKAGE}."):
        if not any(part.startswith("_") for part in found.name.split(".")):
            try:
                modules.append(importlib.import_module(found.name))
            except Exception as error:  # noqa: BLE001  # a module that cannot be imported has no names
                sys.stderr.write(f"{found.name} cannot be imported: {error}\n")
    return modules


def _counts(name: str, value: object) -> bool:
    """Return whether a name is DataJoint's own: public, and not from another package."""
    if (name.startswith("_") and name not in _SPECIAL) or name in _NOT_NAMES or isinstance(value, ModuleType):
        return False
    kind = type(value)
    where = getattr(value, "__module__", None) if inspect.isclass(value) or inspect.isroutine(value) else None
    where = where or (kind.__module__ if kind.__module__ != "builtins" else _PACKAGE)
    return where.split(".")[0] in (_PACKAGE, "logging")


def _add(names: dict[str, str | None], name: str, value: Any, found: dict[str, Any]) -> None:  # noqa: ANN401  # as above
    where = f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', '')}".removeprefix(f"{_PACKAGE}.")
    last = name.rpartition(".")[2]
    if not (inspect.isclass(value) or inspect.isroutine(value)) and found.get(last) is value:
        where = last  # such as the logger, which every module has
    if found.get(where) is value and where != name:
        names[name] = f"= {where}"
    elif inspect.isclass(value):
        names[name] = _arguments(value)
        for member, content in _members(value).items():
            content = getattr(content, "__func__", content)
            if not member.startswith("_") and not inspect.isclass(content):
                names[f"{name}.{member}"] = _arguments(content) if inspect.isroutine(content) else None
    else:
        names[name] = _arguments(value) if inspect.isroutine(value) else None


def _members(one: type) -> dict[str, Any]:  # Any: whatever a class has
    """Return the members of a class and of its private bases."""
    own = [base for base in one.__mro__ if base is one or base.__name__.startswith("_")]
    return {name: content for base in reversed(own) for name, content in vars(base).items()}


def _arguments(called: Any) -> str | None:  # noqa: ANN401  # as above
    """Return the names of arguments, with stars as in a signature."""
    if inspect.isclass(called) and (issubclass(called, Enum) or hasattr(called, "model_config")):
        return None
    try:
        parameters = list(inspect.signature(called).parameters.values())
    except (TypeError, ValueError):
        return None
    parts, starred = [], False
    for parameter in parameters:
        if parameter.name in ("self", "cls", "mcs") or parameter.name.startswith("_"):
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            parts.append("*")
            starred = True
        starred |= parameter.kind is parameter.VAR_POSITIONAL
        parts.append(_STARS.get(parameter.kind, "") + parameter.name)
    return ", ".join(parts)


def _settings(config: Any) -> dict[str, Any]:  # noqa: ANN401  # of either version's class
    """Return the default settings by their dotted names; of values that are not plain only the name, with None."""
    if hasattr(config, "model_dump"):  # version 2
        found = _flat(config.model_dump())
    else:
        found = dict(importlib.import_module(f"{_PACKAGE}.settings").default)
    return {name: value if isinstance(value, _PLAIN) else None for name, value in found.items()}


def _flat(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, dict) and value:
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    json.dump(names_of_installed(), sys.stdout, indent=1)

"""Find the source that a class's methods reach inside their own distribution: functions, classes and constants.

The running code finds a name in the globals and closures of its functions, in the class and its bases, and in modules
of the same distribution, and so does the search. A name that only looks like an attribute of such a module counts
too, so that no change is missed. The search does not see names that are made up while the code runs (`getattr`,
`importlib`, `exec`), methods of objects that come from elsewhere, and data that a module reads when it is imported.
Installed packages are not looked into; the environment of the job names their versions.
"""

from __future__ import annotations

import enum
import functools
import importlib
import inspect
import sys
import sysconfig
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from levada._jobs.source_text import assignments, source_of
from levada._query.relation import Relation

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

_MAX_DEPTH = 20
"""How deep constants may be nested."""
_PLAIN = (bool, int, float, complex, str, bytes, type(None), type(Ellipsis))


def reached_source(table: type, entries: Collection[str]) -> list[str]:
    """Return the pieces of source that some methods of a class reach, each once, in an order of their own.

    A piece is a name and the normalized source, without comments, docstrings and the place where it is, so that moving
    a function to another module changes nothing.

    Args:
        table: The class.
        entries: The names of the methods.
    """
    search = _Search(table, entries)
    search.run()
    return sorted(search.pieces)


class _Search:
    """One search, from the methods of a class on."""

    def __init__(self, table: type, entries: Collection[str]) -> None:
        self.pieces: set[str] = set()
        self._table = table
        self._entries = entries
        self._home = _Home(table.__module__)
        self._seen: set[int] = set()
        self._kept: list[object] = []  # what was seen must live, or another object would get its id
        self._waiting: list[tuple[FunctionType, type | None]] = []

    def run(self) -> None:
        for name in self._entries:
            self._attribute(self._table, name)
        while self._waiting:
            function, owner = self._waiting.pop()
            self._follow(function, owner)

    def _new(self, thing: object) -> bool:
        if id(thing) in self._seen:
            return False
        self._seen.add(id(thing))
        self._kept.append(thing)
        return True

    # ------------------------------------------------------------------------------------------------ functions

    def _follow(self, function: FunctionType, owner: type | None) -> None:
        """Add a function, and look at all that it names."""
        self.pieces.add(f"def {function.__name__}: {source_of(function.__code__)}")
        for default in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
            self._value("a default", default, {})
        names = set(_names(function.__code__))
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            try:
                self._value(name, cell.cell_contents, function.__globals__, names)
            except ValueError:  # not bound yet
                continue
        self._globals(names, function.__globals__)
        for module in self._imported(function):
            self._module(module, names)
        if owner is not None:
            for name in names:
                self._attribute(owner, name)

    def _globals(self, names: Collection[str], known: Mapping[str, Any]) -> None:  # Any: whatever a module holds
        for name in sorted(names & known.keys() if isinstance(names, set) else set(names) & known.keys()):
            self._value(name, known[name], known, names)

    def _imported(self, function: FunctionType) -> Iterator[ModuleType]:
        """Yield the modules of this distribution that a function imports itself."""
        package = str(function.__globals__.get("__package__") or "")
        above = package.split(".") if package else []
        for name in _imports(function.__code__):
            places = [name, *(".".join([*above[:depth], name]).rstrip(".") for depth in range(len(above), 0, -1))]
            for place in places:
                module = self._home.imported(place)
                if module is not None:
                    yield module

    def _module(self, module: ModuleType, names: Iterable[str]) -> None:
        """Look at those attributes of a module that some code may name."""
        for name in sorted(set(names) & vars(module).keys()):
            self._value(name, vars(module)[name], vars(module), names)

    def _attribute(self, owner: type, name: str) -> None:
        """Look at an attribute of a class, where it or a base in this distribution has one."""
        for base in owner.__mro__:
            if name in vars(base):
                if self._home.has(base.__module__):
                    self._member(name, vars(base)[name], owner)
                return

    def _member(self, name: str, value: object, owner: type) -> None:
        for function in _functions(value):
            if self._home.has(function.__module__) and self._new(function):
                self._waiting.append((function, owner))
        if _is_constant(value):
            self._value(name, value, {})

    # --------------------------------------------------------------------------------------------------- values

    def _value(self, name: str, value: object, known: Mapping[str, Any], names: Iterable[str] = ()) -> None:
        """Look at a value that has a name.

        Args:
            name: The name.
            value: The value.
            known: The globals of the module that has it.
            names: Other names in the same code, perhaps of its attributes.
        """
        if isinstance(value, ModuleType):
            if self._home.has(value.__name__):
                self._module(value, names)
            return
        if isinstance(value, type):
            self._class(value, names)
            return
        functions = [function for function in _functions(value) if self._home.has(function.__module__)]
        for function in functions:
            if self._new(function):
                self._waiting.append((function, None))
        if functions or (callable(value) and not self._home.has(type(value).__module__)):
            return
        if isinstance(value, Relation):
            self._class(type(value), names)
        self._constant(name, value, known)

    def _class(self, kind: type, names: Iterable[str]) -> None:
        if not self._home.has(kind.__module__):
            return
        if issubclass(kind, Relation):  # other tables are data: only what is called of them counts
            for name in names:
                if name not in self._entries or kind is self._table:
                    self._attribute(kind, name)
            return
        if not self._new(kind):
            return
        self.pieces.add(f"class {kind.__name__}: {[base.__name__ for base in kind.__bases__]}")
        if issubclass(kind, enum.Enum):
            self.pieces.add(f"enum {kind.__name__}: {_spelled({m.name: m.value for m in kind})}")
        for name, value in vars(kind).items():
            if not name.startswith("__") or isinstance(value, FunctionType):
                self._member(name, value, kind)
        for base in kind.__bases__:
            self._class(base, names)

    def _constant(self, name: str, value: object, known: Mapping[str, Any]) -> None:
        """Add a constant: by its assignment in the source of its module, or else by its value."""
        file = str(known.get("__file__") or "")
        module = str(known.get("__name__") or ("__main__" if file else ""))  # `%run` takes the name away at its end
        found = assignments(module, file, name, value) if module and self._home.has(module) else []
        for place, text, used in found:
            piece = f"{name} = {text}"
            if piece not in self.pieces:
                self.pieces.add(piece)
                self._globals(set(used) - {name}, known if place == module else vars(sys.modules[place]))
        if not found and not callable(value):
            self.pieces.add(f"{name} = {_spelled(value)}")


class _Home:
    """The distribution of a module: its package, or what lies in the same folder and is not installed."""

    def __init__(self, module: str) -> None:
        self._top = module.partition(".")[0]
        self._folder = _folder(module)
        self._answers: dict[str, bool] = {}

    def has(self, module: str | None) -> bool:
        """Return whether a module belongs to it."""
        if module is None:
            return False
        if module not in self._answers:
            self._answers[module] = module.partition(".")[0] == self._top or (
                self._folder is not None and not _is_installed(self._folder) and _folder(module) == self._folder
            )
        return self._answers[module]

    def imported(self, module: str) -> ModuleType | None:
        """Return a module that belongs to it, which is imported if it is not yet; None for all others."""
        if module not in sys.modules:
            near = self._folder is not None and (self._folder / module.partition(".")[0]).with_suffix(".py").exists()
            if module.partition(".")[0] != self._top and not near:
                return None
            try:
                importlib.import_module(module)
            except Exception:  # noqa: BLE001  # the code's own import will say it
                return None
        return sys.modules[module] if self.has(module) else None


def _folder(name: str) -> Path | None:
    """Return the folder from which a module is imported; for a notebook, the working folder."""
    module = sys.modules.get(name)
    file = getattr(module, "__file__", None)
    if file is None:
        return Path.cwd() if name == "__main__" else None
    path = Path(file).resolve()
    depth = 0 if name == "__main__" else name.count(".") + (path.stem == "__init__")
    return path.parents[depth]


@functools.cache
def _is_installed(folder: Path) -> bool:
    paths = {Path(path).resolve() for key, path in sysconfig.get_paths().items() if key.endswith(("lib", "stdlib"))}
    return folder in paths or bool({"site-packages", "dist-packages"} & set(folder.parts))


def _functions(value: object) -> Iterator[FunctionType]:
    """Yield the functions that a value is made of: behind decorators, descriptors and partial calls."""
    waiting, seen = [value], set()
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, FunctionType):
            yield thing
        elif isinstance(thing, (staticmethod, classmethod)):
            waiting.append(thing.__func__)
        elif isinstance(thing, property):
            waiting += [thing.fget, thing.fset]
        elif isinstance(thing, functools.partial):
            waiting += [thing.func, *thing.args, *thing.keywords.values()]
        elif isinstance(thing, (functools.cached_property, functools.partialmethod)):
            waiting.append(thing.func)
        elif inspect.ismethod(thing):
            waiting.append(thing.__func__)
        try:
            wrapped = inspect.getattr_static(thing, "__wrapped__", None)
        except TypeError:
            wrapped = None
        if wrapped is not None:
            waiting.append(wrapped)


def _names(code: CodeType) -> Iterator[str]:
    """Yield all names of globals and attributes that a code object and those in it use."""
    yield from code.co_names
    yield from code.co_freevars
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _imports(code: CodeType) -> Iterator[str]:
    """Yield the names of modules that a code object may import itself: with dots, or alone."""
    for name in set(_names(code)):
        yield name
        while "." in name:
            name = name.rpartition(".")[0]
            yield name


def _is_constant(value: object) -> bool:
    return isinstance(value, (*_PLAIN, tuple, list, dict, set, frozenset))


def _spelled(value: object, depth: int = 0) -> str:
    """Spell a value so that equal ones are spelled alike in every process, as far as it is known how."""
    if depth > _MAX_DEPTH:
        return "…"
    if isinstance(value, enum.Enum):
        return f"{type(value).__name__}.{value.name}"
    if isinstance(value, _PLAIN):
        return repr(value)
    if isinstance(value, (list, tuple)):
        return f"{type(value).__name__}({', '.join(_spelled(item, depth + 1) for item in value)})"
    if isinstance(value, (set, frozenset)):
        return f"{type(value).__name__}({', '.join(sorted(_spelled(item, depth + 1) for item in value))})"
    if isinstance(value, dict):
        pairs = (f"{_spelled(key, depth + 1)}: {_spelled(item, depth + 1)}" for key, item in value.items())
        return f"{type(value).__name__}({', '.join(sorted(pairs))})"
    content = getattr(value, "tobytes", None)
    if callable(content) and hasattr(value, "dtype") and not getattr(value.dtype, "hasobject", True):
        return f"{value.dtype} {getattr(value, 'shape', '')} {content().hex()}"
    return type(value).__name__

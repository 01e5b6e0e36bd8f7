"""Methods that work on a table's class as on an instance: `Session.insert1(...)` is `Session().insert1(...)`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_P = ParamSpec("_P")
_R = TypeVar("_R")

CLASS_LEVEL: set[str] = set()
"""Names that the metaclass of tables looks up on an instance."""

if TYPE_CHECKING:
    # For type checkers these are descriptors that bind to a class too. At run time the metaclass does it, because that
    # also reaches methods and properties which a user's class overrides.
    class on_class(Generic[_P, _R]):  # a decorator
        """Mark a method."""

        def __init__(self, function: Callable[Concatenate[Any, _P], _R]) -> None: ...

        def __get__(self, instance: object, owner: type) -> Callable[_P, _R]: ...

    class property_on_class(Generic[_R]):  # a decorator
        """Mark a property."""

        def __init__(self, function: Callable[[Any], _R]) -> None: ...

        def __get__(self, instance: object, owner: type) -> _R: ...

else:

    def on_class(function: Callable[..., Any]) -> Callable[..., Any]:  # its parameters are typed above
        """Mark a method."""
        CLASS_LEVEL.add(function.__name__)
        return function

    def property_on_class(function: Callable[..., Any]) -> property:  # its parameters are typed above
        """Mark a property."""
        CLASS_LEVEL.add(function.__name__)
        return property(function)

"""Codecs: conversions between users' own kinds of values and attribute types.

The server knows the type in which a codec stores its values, and the codec's name; the codec itself is Python, found by
its name when a table is declared, written or read.
"""

from __future__ import annotations

import inspect
import re
from abc import ABC, abstractmethod
from functools import partial, reduce
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, ClassVar

from levada._base.absent_names import Explained
from levada._base.errors import InvalidDefinition, Unsupported, WrongValue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from levada._values.types import AttributeType

ENTRY_POINTS = "levada.codecs"
"""The entry point group in which packages register codecs: `graph = "my_package.codecs:GraphCodec"`."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NAMED = re.compile(r"<\s*([A-Za-z_][A-Za-z0-9_]*)\s*(?:@\s*([A-Za-z0-9_-]*)\s*)?>")
_BUILT_IN = frozenset({"array", "attach", "blob", "filepath", "hash", "npy", "object"})


class Codec(Explained, ABC):
    """A conversion for one kind of values: a subclass with a `name` is registered when its class is defined.

    An attribute of type `<name>` then takes such values. Define `dtype`, or `get_dtype` if it depends on whether the
    values are kept in a store, and `encode` and `decode`. A codec can store its values through another: `dtype =
    "<other>"`. If `encode` has an argument `key` or `store_name`, it gets the primary key of the row, as far as it is
    known, and the store of `<name@store>`. An argument `key` of `decode` is None.

    Attributes:
        name: The text between `<` and `>`.
        dtype: The type of the stored values, as in a definition: `<blob>`, `json`, `varchar(40)`.
    """

    name: ClassVar[str | None] = None
    dtype: ClassVar[str] = ""

    def __init_subclass__(cls, *, register: bool = True, **kwargs: Any) -> None:  # noqa: ANN401  # of other bases
        super().__init_subclass__(**kwargs)
        if register and cls.name is not None:
            _register(cls.name, cls())

    def get_dtype(self, is_store: bool) -> str:
        """Return the type of the stored values.

        Args:
            is_store: The definition says `<name@store>`; `@` at the end of the type means that store.
        """
        if not self.dtype:
            raise InvalidDefinition(f"The codec <{self.name}> does not say which type it stores: set its `dtype`.")
        return f"{self.dtype[:-1]}@>" if is_store and self.dtype == "<blob>" else self.dtype

    @abstractmethod
    def encode(self, value: Any) -> Any:  # noqa: ANN401  # values of the user's kind become those of `dtype`
        """Convert a value to one of `dtype`. A TypeError or ValueError refuses the value."""

    @abstractmethod
    def decode(self, stored: Any) -> Any:  # noqa: ANN401  # as above
        """Convert a value of `dtype` back."""

    def validate(self, value: Any) -> None:  # noqa: ANN401  # optional, for values of the user's kind
        """Raise a TypeError or ValueError for a value that `encode` cannot take."""


class AttributeAdapter(ABC):
    """A codec in the form of DataJoint 0.14: an instance, by the name that definitions use."""

    @property
    @abstractmethod
    def attribute_type(self) -> str:
        """The type of the stored values."""

    @abstractmethod
    def put(self, obj: Any) -> Any:  # noqa: ANN401  # values of the user's kind become those of `attribute_type`
        """Convert a value to one of `attribute_type`."""

    @abstractmethod
    def get(self, value: Any) -> Any:  # noqa: ANN401  # as above
        """Convert a value of `attribute_type` back."""


class _Adapted(Codec):
    """An adapter as a codec."""

    def __init__(self, adapter: AttributeAdapter) -> None:
        self.adapter = adapter

    def get_dtype(self, is_store: bool) -> str:
        return self.adapter.attribute_type

    def encode(self, value: Any) -> Any:  # noqa: ANN401  # as in Codec
        return self.adapter.put(value)

    def decode(self, stored: Any) -> Any:  # noqa: ANN401  # as in Codec
        return self.adapter.get(stored)


_registered: dict[str, Codec] = {}
"""The codecs of this process, by name: like classes, they are defined by the modules that a program imports."""


def _register(name: str, codec: Codec) -> None:
    if _NAME.fullmatch(name) is None or name.lower() in _BUILT_IN:
        raise InvalidDefinition(
            f"{name!r} cannot be the name of a codec: letters, digits and _, but not {', '.join(sorted(_BUILT_IN))}."
        )
    known = _registered.get(name)
    # Running a cell of a notebook again defines its classes again.
    if known is not None and not isinstance(codec, _Adapted) and _origin(known) != _origin(codec):
        raise InvalidDefinition(f"There is a codec <{name}> already, {_origin(known)}; choose another name.")
    _registered[name] = codec


def _origin(codec: Codec) -> str:
    return f"{type(codec).__module__}.{type(codec).__qualname__}"


def list_codecs() -> list[str]:
    """Return the names of all codecs that are registered, or provided by an installed package."""
    return sorted({*_registered, *(point.name for point in entry_points(group=ENTRY_POINTS))})


def get_codec(name: str) -> Codec:
    """Return a codec by its name.

    Raises:
        Unsupported: There is no such codec.
    """
    codec = _find(name)
    if codec is None:
        raise Unsupported(f"There is no codec <{name}> here; there are {', '.join(list_codecs()) or 'none'}.")
    return codec


def _find(name: str) -> Codec | None:
    if name not in _registered:
        for point in entry_points(group=ENTRY_POINTS, name=name):
            loaded = point.load()
            # Loading the class registers it, if its own name matches the entry point's.
            if name not in _registered:
                _register(name, loaded() if isinstance(loaded, type) else loaded)
    return _registered.get(name)


def register_adapters(namespace: Mapping[str, object]) -> None:
    """Register the adapters of a namespace under their names there."""
    for name, value in namespace.items():
        if isinstance(value, AttributeAdapter):
            _register(name, _Adapted(value))


class _Stored(Codec, register=False):
    """Values that are written and read as they are stored."""

    def encode(self, value: Any) -> Any:  # noqa: ANN401  # as in Codec
        return value

    def decode(self, stored: Any) -> Any:  # noqa: ANN401  # as in Codec
        return stored


def pass_stored(name: str) -> None:
    """Let values of a codec that is not here pass as they are stored, for copies of whole tables."""
    if _find(name) is None:
        _register(name, _Stored())


def codecs_of(definition: str, namespaces: Sequence[Mapping[str, object]]) -> dict[str, str]:
    """Describe the codecs of a definition for the server.

    Args:
        namespaces: Looked up in this order for adapters, before all other codecs.

    Returns:
        The stored type for each text between `<` and `>`; also for codecs in these types.
    """
    found: dict[str, str] = {}
    pending = [definition]
    while pending:
        for written, name, store in _named(pending.pop()):
            if written in found:
                continue
            for namespace in namespaces:
                if isinstance(value := namespace.get(name), AttributeAdapter):
                    _register(name, _Adapted(value))
                    break
            codec = _find(name)
            if codec is not None:
                dtype = codec.get_dtype(store is not None)
                found[written] = dtype.replace("@>", f"@{store}>") if store else dtype
                pending.append(found[written])
    return found


def _named(text: str) -> Iterator[tuple[str, str, str | None]]:
    for match in _NAMED.finditer(text):
        if match[1].lower() not in _BUILT_IN:
            yield match[1] if match[2] is None else f"{match[1]}@{match[2]}", match[1], match[2]


def encoder(
    type_: AttributeType, key: Callable[[int], Mapping[str, object]]
) -> Callable[[Any, int], Any]:  # Any: values of the user's kind become stored ones
    """Return the function that converts a value, given with the number of its row, to one of the stored type.

    Args:
        key: Returns the key of a row by its number, as far as it is known.

    Raises:
        Unsupported: A codec is missing.
    """
    codecs = [(name, _needed(name, type_)) for name in type_.codecs]
    chain = [(name, codec, _arguments_of(codec.encode)) for name, codec in codecs]
    store = type_.stored.store or None

    def encode(value: Any, row: int) -> Any:  # noqa: ANN401  # as above
        for name, codec, taken in chain:
            try:
                codec.validate(value)
                given: dict[str, Any] = {"key": key(row)} if "key" in taken else {}
                if "store_name" in taken:
                    given["store_name"] = store
                value = codec.encode(value, **given)
            except (TypeError, ValueError) as error:
                raise WrongValue(f"the codec <{name}> refuses a {type(value).__name__}: {error}") from error
        return value

    return encode


def decoder(type_: AttributeType) -> Callable[[Any], Any]:  # Any: stored values become values of the user's kind
    """Return the function that converts a value of the stored type back.

    Raises:
        Unsupported: A codec is missing.
    """
    codecs = [_needed(name, type_) for name in reversed(type_.codecs)]
    decoders: list[Callable[..., Any]] = [codec.decode for codec in codecs]  # Any: as above
    chain = [partial(decode, key=None) if "key" in _arguments_of(decode) else decode for decode in decoders]
    return lambda stored: reduce(lambda value, decode: decode(value), chain, stored)


def _arguments_of(function: Callable[..., object]) -> set[str]:
    """Return which of the arguments that DataJoint passes to codecs a function has."""
    parameters = inspect.signature(function).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return {"key", "store_name"}
    return {"key", "store_name"} & parameters.keys()


def _needed(name: str, type_: AttributeType) -> Codec:
    codec = _find(name)
    if codec is None:
        raise Unsupported(
            f"Values of `{type_}` are written and read by the codec <{name}>, which is missing: import the module "
            f"that defines it, or install its package. To read the stored values, {type_.stored}, set "
            "config['codecs.decode'] = False.",
            {"codec": name},
        )
    return codec

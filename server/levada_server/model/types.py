"""Attribute types: how a definition spells them, and how they are written back."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from levada_server.errors import InvalidDefinition
from levada_server.model.kinds import Family, Kind
from levada_server.model.near_names import near

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_VARCHAR = 10_485_760
MAX_DECIMAL_PRECISION = 38
MAX_LABELS = 1_000
MAX_ARRAY_BYTES = 64 * 2**20
MAX_ARRAY_DIMENSIONS = 32
MAX_CLIENT_CODECS = 8
MAX_CODEC_NAME = 63
DATETIME_DIGITS = 6
EXCERPT_CHARACTERS = 60


ARRAY_DTYPES = {
    "bool": 1,
    **{f"{sign}int{bits}": bits // 8 for sign in ("", "u") for bits in (8, 16, 32, 64)},
    "float16": 2,
    "float32": 4,
    "float64": 8,
    "complex64": 8,
    "complex128": 16,
}
"""The number of bytes of an element of each dtype of `<array>`."""

OBJECT_CODECS = frozenset({"blob", "hash", "attach", "filepath", "object", "npy"})


@dataclass(frozen=True, slots=True)
class AttributeType:
    """The type of an attribute.

    Args:
        kind: The kind of type.
        length: The characters of char and varchar; the digits of a second of datetime (6 if unset).
        precision: The number of all digits of a decimal, 1 to 38.
        scale: The digits of a decimal after the point, 0 to precision.
        labels: The values of an enum, in order.
        dtype: The element type of an array, a key of `ARRAY_DTYPES`.
        shape: The lengths of an array's dimensions, each ≥ 1.
        codec: The name of an object's codec, a member of `OBJECT_CODECS`.
        store: The name of an object's store; empty for the store that the server prefers.
        client_codecs: The names of the codecs with which clients convert their values to this type, in the order of
            encoding.
    """

    kind: Kind
    length: int | None = None
    precision: int | None = None
    scale: int | None = None
    labels: tuple[str, ...] = ()
    dtype: str = ""
    shape: tuple[int, ...] = ()
    codec: str = ""
    store: str = ""
    client_codecs: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return the type as a definition spells it."""
        text = self._stored_spelling()
        for name in reversed(self.client_codecs):
            text = f"<{name}: {text}>"
        return text

    def _stored_spelling(self) -> str:
        match self.kind:
            case Kind.DECIMAL:
                return f"decimal({self.precision},{self.scale})"
            case Kind.CHAR | Kind.VARCHAR:
                return f"{self.kind.value}({self.length})"
            case Kind.DATETIME if self.length is not None:
                return f"datetime({self.length})"
            case Kind.ENUM:
                return f"enum({', '.join(map(quote_label, self.labels))})"
            case Kind.BLOB | Kind.ATTACH:
                return f"<{self.kind.value}>"
            case Kind.ARRAY:
                shape = ", ".join(map(str, self.shape)) + ("," if len(self.shape) == 1 else "")
                return f"<array {self.dtype}({shape})>"
            case Kind.OBJECT:
                return f"<{self.codec}@{self.store}>"
            case _:
                return str(self.kind.value)

    @property
    def family(self) -> Family:
        """The behaviour of its values."""
        return self.kind.traits.family

    @property
    def stored(self) -> AttributeType:
        """The type without the codecs of clients."""
        return replace(self, client_codecs=()) if self.client_codecs else self

    @property
    def item_bytes(self) -> int:
        """The number of bytes of one value of an array."""
        count = ARRAY_DTYPES[self.dtype]
        for length in self.shape:
            count *= length
        return count


def quote_label(label: str) -> str:
    """Quote the label of an enum as a definition spells it."""
    return "'" + label.replace("\\", "\\\\").replace("'", "\\'") + "'"


def unquote(quoted: str) -> str:
    """Read a quoted text; the argument includes the quotes.

    A backslash escapes a quote and a backslash; before any other character it stands for itself. A doubled quote is a
    quote.
    """
    quote = quoted[0]
    return re.sub(rf"\\([\\'\"])|{quote}({quote})", lambda match: match[1] or match[2], quoted[1:-1])


def excerpt(text: str) -> str:
    """Shorten a text from outside for a message."""
    return text if len(text) <= EXCERPT_CHARACTERS else text[: EXCERPT_CHARACTERS - 1] + "…"


_ARGUMENTS_LEFT_OUT: dict[Kind, AttributeType] = {
    Kind.CHAR: AttributeType(Kind.CHAR, length=1),
    Kind.DECIMAL: AttributeType(Kind.DECIMAL, precision=10, scale=0),
}

_NAMES = {name: _ARGUMENTS_LEFT_OUT.get(kind, AttributeType(kind)) for kind in Kind for name in kind.traits.names}
"""The kind of each spelling without arguments, in lower case."""

_IGNORED_WIDTH = frozenset(
    {"tinyint", "smallint", "mediumint", "int", "integer", "bigint", "year", "float", "double", "real"}
    | {"binary", "varbinary", "time", "timestamp", "timestamptz"}
)
"""Words whose argument changes only how an older database shows or rounds a value, not the type."""

_NEEDS_ARGUMENTS = {
    "varchar": "a length, as in varchar(40)",
    "enum": "its labels, as in enum('first', 'second')",
}
"""Words that are not a type by themselves, and what they lack."""

_ELSEWHERE = {
    **dict.fromkeys(("str", "string"), "varchar(40), text"),
    **dict.fromkeys(("dict", "object"), "json, <blob>"),
    **dict.fromkeys(("array", "list", "matrix", "ndarray", "numeric array"), "<blob>, <array float64 (3, 4)>"),
    "complex": "<blob>, <array complex128 (2)>",
    "file": "<attach>",
    "path": "<filepath@>, varchar(255)",
}
"""The types here for those of other languages."""

_FLAGS = re.IGNORECASE | re.ASCII
_WITH_ARGUMENTS = re.compile(r"([a-z]+[0-9]*)\s*\(([^()]*)\)(\s*unsigned)?", _FLAGS)
_ENUM = re.compile(r"enum\s*\((.*)\)", _FLAGS | re.DOTALL)
_LABEL = re.compile(r"""\s*('(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*")\s*""", re.DOTALL)
_CODEC = re.compile(r"<\s*([a-z_][a-z0-9_]*)\s*(@\s*(?:([a-z0-9_-]+)\s*)?)?>", _FLAGS)
_CLIENT_CODEC = re.compile(r"<\s*([a-z_][a-z0-9_]*)\s*:(.*)>", _FLAGS | re.DOTALL)
_OLDER_CODEC = re.compile(r"(blob|attach|filepath)@([a-z][a-z0-9_-]*)", _FLAGS)
_ARRAY = re.compile(r"<\s*array\s+([a-z0-9]+)\s*\(([^()]*)\)\s*>", _FLAGS)
_WHOLE_NUMBER = re.compile(r"\d{1,9}", re.ASCII)


NO_CODECS: Mapping[str, str] = MappingProxyType({})


def parse_type(text: str, codecs: Mapping[str, str] = NO_CODECS, within: int = 0) -> AttributeType:
    """Read a type as a definition spells it, in any letter case.

    Args:
        codecs: For each name in `<…>` that is not a type of the language, the type in which the client's codec of that
            name stores its values: `<graph>` by `{"graph": "<blob>"}`.
        within: How many codecs store their values by this type.

    Raises:
        InvalidDefinition: The text is not a type; `expected` names possible types. The caller adds the line.
    """
    if within > MAX_CLIENT_CODECS:
        raise _too_many_codecs()
    text = text.strip()
    plain = " ".join(text.lower().split())
    if plain in _NAMES:
        return _NAMES[plain]
    if match := _ENUM.fullmatch(text):
        return _parse_enum(match[1])
    if match := _ARRAY.fullmatch(text):
        return _parse_array(match[1].lower(), match[2])
    if match := _CLIENT_CODEC.fullmatch(text):
        return _with_client_codec(match[1], parse_type(match[2], codecs, within + 1))
    if (match := _CODEC.fullmatch(text)) and match[1].lower() not in OBJECT_CODECS:
        return _parse_client_codec(match[1], match[1] + (f"@{match[3] or ''}" if match[2] else ""), codecs, within)
    if match := _CODEC.fullmatch(text):
        return _parse_codec(match[1].lower(), None if match[2] is None else match[3] or "")
    if match := _OLDER_CODEC.fullmatch(text):
        return _parse_codec(match[1].lower(), match[2])
    if match := _WITH_ARGUMENTS.fullmatch(text):
        return _parse_with_arguments(match[1].lower() + (" unsigned" if match[3] else ""), match[2])
    if plain in _NEEDS_ARGUMENTS:
        raise InvalidDefinition(f"`{plain}` says too little", expected=_NEEDS_ARGUMENTS[plain])
    raise InvalidDefinition(f"`{excerpt(text)}` is not a type", expected=_expected(plain))


def _expected(plain: str) -> str:
    """Return which type may be meant by a text that is none."""
    type_, equals, default = (part.strip() for part in plain.partition("="))
    if equals:
        return f"a default before the colon, as in `name = {excerpt(default) or '5'} : {excerpt(type_) or 'int32'}`"
    close = _ELSEWHERE.get(plain) or near(plain, [*_NAMES, *_NEEDS_ARGUMENTS])
    return (
        f"{close}, or another type"
        if close and not plain.startswith("<")
        else "a type such as int32, float64, varchar(40), date or <blob>"
    )


def _whole_numbers(arguments: str) -> list[int] | None:
    """Read a list of whole numbers; return None if the text is not one."""
    numbers = [number.strip() for number in arguments.split(",")]
    return [int(number) for number in numbers] if all(map(_WHOLE_NUMBER.fullmatch, numbers)) else None


def _parse_with_arguments(word: str, arguments: str) -> AttributeType:
    numbers = _whole_numbers(arguments)
    if numbers is None:
        raise InvalidDefinition(
            f"`{word}({excerpt(arguments)})` is not a type", expected="whole numbers in parentheses"
        )
    match word.removesuffix(" unsigned"), numbers:
        case "varchar" | "char" as name, [length] if name == word and 1 <= length <= MAX_VARCHAR:
            return AttributeType(Kind[name.upper()], length=length)
        case "varchar" | "char" as name, _ if name == word:
            raise InvalidDefinition(f"`{name}` takes one length", expected=f"a length from 1 to {MAX_VARCHAR}")
        case "decimal" | "numeric", [precision, *scales] if len(scales) <= 1:
            scale = scales[0] if scales else 0
            if 1 <= precision <= MAX_DECIMAL_PRECISION and scale <= precision:
                return AttributeType(Kind.DECIMAL, precision=precision, scale=scale)
            raise InvalidDefinition(
                f"decimal({precision},{scale}) does not exist",
                expected=f"1 to {MAX_DECIMAL_PRECISION} digits, and no more of them after the point",
            )
        case "datetime" as name, [digits] if name == word and digits <= DATETIME_DIGITS:
            return AttributeType(Kind.DATETIME, length=digits if digits < DATETIME_DIGITS else None)
        case "datetime" as name, _ if name == word:
            raise InvalidDefinition(
                "`datetime` takes the digits of a second", expected=f"0 to {DATETIME_DIGITS} digits"
            )
        case name, _ if name in _IGNORED_WIDTH and word in _NAMES:
            return _NAMES[word]
    raise InvalidDefinition(
        f"`{excerpt(word)}` takes no arguments or is not a type", expected="a type such as int32 or varchar(40)"
    )


def _parse_enum(inside: str) -> AttributeType:
    labels: list[str] = []
    position = 0
    while match := _LABEL.match(inside, position):
        labels.append(unquote(match[1]))
        position = match.end()
        if position == len(inside) or inside[position] != ",":
            break
        position += 1
    if position < len(inside) or not labels or inside.endswith(","):
        raise InvalidDefinition("an enum lists its labels in quotes", expected="enum('first', 'second')")
    if len(labels) > MAX_LABELS:
        raise InvalidDefinition(f"this enum has {len(labels)} labels", expected=f"at most {MAX_LABELS} labels")
    if len(set(labels)) != len(labels):
        twice = next(label for label in labels if labels.count(label) > 1)
        raise InvalidDefinition(f"the label {excerpt(quote_label(twice))} comes twice", expected="other labels")
    return AttributeType(Kind.ENUM, labels=tuple(labels))


def _parse_array(dtype: str, shape: str) -> AttributeType:
    lengths = _whole_numbers(shape.strip().removesuffix(","))
    if dtype not in ARRAY_DTYPES:
        raise InvalidDefinition(
            f"`{excerpt(dtype)}` is not a dtype of an array", expected=f"one of {', '.join(ARRAY_DTYPES)}"
        )
    if lengths is None or min(lengths) < 1 or len(lengths) > MAX_ARRAY_DIMENSIONS:
        raise InvalidDefinition(
            "an array has a fixed shape",
            expected=f"1 to {MAX_ARRAY_DIMENSIONS} lengths of at least 1, as in (128, 3)",
        )
    result = AttributeType(Kind.ARRAY, dtype=dtype, shape=tuple(lengths))
    if result.item_bytes > MAX_ARRAY_BYTES:
        raise InvalidDefinition(
            f"one `{excerpt(str(result))}` takes {result.item_bytes} bytes",
            expected=f"at most {MAX_ARRAY_BYTES} bytes a value",
        )
    return result


def _parse_codec(codec: str, store: str | None) -> AttributeType:
    if codec in ("blob", "attach") and store is None:
        return AttributeType(Kind[codec.upper()])
    if codec in OBJECT_CODECS and store is None:
        raise InvalidDefinition(
            f"`<{codec}>` names no store, and its values lie in one",
            expected=f"<{codec}@> for the server's preferred store, or <{codec}@name>",
        )
    return AttributeType(Kind.OBJECT, codec=codec, store=store or "")


def _parse_client_codec(name: str, written: str, codecs: Mapping[str, str], within: int) -> AttributeType:
    if written not in codecs:
        known = f", or a codec that your program has defined: {', '.join(map(excerpt, codecs))}" if codecs else ""
        raise InvalidDefinition(
            f"`<{excerpt(written)}>` is not a type, and no codec of this name came with the definition",
            expected="<blob>, <attach>, <array dtype(shape)>, "
            f"{', '.join(f'<{c}@>' for c in sorted(OBJECT_CODECS))}{known}",
        )
    # A codec that stores its values in its own type would never end.
    others = {other: stored for other, stored in codecs.items() if other != written}
    try:
        return _with_client_codec(name, parse_type(codecs[written], others, within + 1))
    except InvalidDefinition as error:
        raise InvalidDefinition(
            f"the codec `<{excerpt(written)}>` is stored as `{excerpt(codecs[written])}`: {error.message}",
            expected=error.details["expected"],
        ) from None


def _with_client_codec(name: str, stored: AttributeType) -> AttributeType:
    if name.lower() in (*OBJECT_CODECS, "array") or len(name) > MAX_CODEC_NAME:
        raise InvalidDefinition(
            f"`{excerpt(name)}` cannot be the name of a codec",
            expected=f"another name, of at most {MAX_CODEC_NAME} characters",
        )
    if len(stored.client_codecs) == MAX_CLIENT_CODECS:
        raise _too_many_codecs()
    return replace(stored, client_codecs=(name, *stored.client_codecs))


def _too_many_codecs() -> InvalidDefinition:
    return InvalidDefinition("too many codecs, one in another", expected=f"at most {MAX_CLIENT_CODECS}")

"""The attributes and the key of each operator's result."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from levada_server.errors import InvalidRequest, MismatchedLineage, UnknownAttribute
from levada_server.model.heading import Attribute, Heading, first_repeated, ordered
from levada_server.model.kinds import MOMENTS, NUMBERS
from levada_server.query.postgres_types import value_type

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from levada_server.query.algebra import UniversalSet


def shared_names(left: Heading, right: Heading, *, unchecked: bool = False, by_name: bool = False) -> tuple[str, ...]:
    """Names on which two relations match.

    Raises:
        MismatchedLineage: A name has different meanings on the two sides, or with `by_name` is secondary on both;
            never if `unchecked`.
        InvalidRequest: The values of a name cannot be compared.
    """
    names = tuple(name for name in left.names if name in right)
    for name in names:
        if not unchecked:
            (_check_keys if by_name else _check_lineage)(left[name], right[name])
        _check_comparable(left[name], right[name])
    return names


def coincidences(left: Heading, right: Heading, names: Iterable[str]) -> Iterator[str]:
    """Describe each name on which two relations match although its origin is not the same on both sides."""
    for name in names:
        if not _of_one_origin(left[name], right[name]):
            yield (
                f"`{name}` matches by its name alone, by the rule of DataJoint 0.14: "
                f"{_origins(left[name], right[name])}. If it does not mean the same, rename one, as in "
                f".proj(..., other_{name}='{name}')."
            )


def _check_comparable(left: Attribute, right: Attribute) -> None:
    families = {left.type.family, right.type.family}
    if value_type(left.type) != value_type(right.type) and not (families <= NUMBERS or families <= MOMENTS):
        raise InvalidRequest(
            f"`{left.name}` is {left.type} on the left and {right.type} on the right, which cannot be compared. "
            f"Rename one, as in .proj(..., other_{left.name}='{left.name}').",
            attribute=left.name,
        )


def _of_one_origin(left: Attribute, right: Attribute) -> bool:
    return left.origin is not None and left.origin == right.origin


def _origins(left: Attribute, right: Attribute) -> str:
    left_origin = left.origin.label if left.origin else "no origin (it is secondary or computed)"
    right_origin = right.origin.label if right.origin else "no origin (it is secondary or computed)"
    return f"on the left it comes from {left_origin}, on the right from {right_origin}"


def _check_lineage(left: Attribute, right: Attribute) -> None:
    if not _of_one_origin(left, right):
        raise _mismatched(f"it does not mean the same: {_origins(left, right)}", left, right)


def _check_keys(left: Attribute, right: Attribute) -> None:
    if not (left.primary_key or right.primary_key):
        raise _mismatched("it belongs to the key of neither", left, right)


def _mismatched(problem: str, left: Attribute, right: Attribute) -> MismatchedLineage:
    return MismatchedLineage(
        f"Both sides have an attribute `{left.name}`, but {problem}. Rename one, as in "
        f".proj(..., other_{left.name}='{left.name}'), or drop it with .proj(..., '-{left.name}').",
        attribute=left.name,
        left_origin=left.origin.label if left.origin else "",
        right_origin=right.origin.label if right.origin else "",
    )


def join_heading(left: Heading, right: Heading, *, left_join: bool, extend: bool) -> Heading:
    """Attributes of a join: the determining side first, and its key is the result's.

    Raises:
        InvalidRequest: The left side of a left join or extension does not determine the right.
    """
    determined = left.determines(right)
    if (left_join or extend) and not determined:
        missing = ", ".join(f"`{name}`" for name in right.primary_key if name not in left)
        raise InvalidRequest(
            f"A left join or extension needs the whole key of the right side on the left; {missing} is missing."
        )
    if left_join:
        right = Heading(tuple(replace(a, nullable=a.nullable or a.name not in left) for a in right))
    if not determined and right.determines(left):
        left, right = right, left
    key = left.primary_key
    if not left.determines(right):
        key += tuple(name for name in right.primary_key if name not in key)
    return ordered((*left, *(a for a in right if a.name not in left)), key)


def union_heading(left: Heading, right: Heading, *, by_name: bool) -> Heading:
    """Attributes of a union: the common key, then the secondary attributes of both, nullable.

    Raises:
        InvalidRequest: The keys differ, or both sides have the same secondary attribute.
        MismatchedLineage: A key attribute has different meanings on the two sides, unless `by_name`.
    """
    if set(left.primary_key) != set(right.primary_key):
        raise InvalidRequest(
            f"A union needs the same key on both sides; the left has ({', '.join(left.primary_key)}), "
            f"the right ({', '.join(right.primary_key)})."
        )
    for name in left.primary_key:
        if not by_name:
            _check_lineage(left[name], right[name])
    for name in left.names:
        if (name in right and name not in left.primary_key) or name in right.secondary:
            raise InvalidRequest(
                f"Both sides of a union have the secondary attribute `{name}`; rename or drop one with .proj().",
                attribute=name,
            )
    secondary = (replace(a, nullable=True, default=None) for h in (left, right) for a in h if not a.primary_key)
    return ordered((*(a for a in left if a.primary_key), *secondary), left.primary_key)


def distinct_heading(universal: UniversalSet, operand: Heading) -> Heading:
    """Attributes of `U(…) & operand`, all of them its key.

    Raises:
        UnknownAttribute: The operand lacks one.
        InvalidRequest: One is named twice.
    """
    return ordered(_universal_attributes(universal, operand), universal.names)


def promoted_heading(universal: UniversalSet, operand: Heading) -> Heading:
    """Attributes of `U(…) * operand`: those of the operand, with the others of U after its key.

    Raises:
        UnknownAttribute: The operand lacks one.
        InvalidRequest: One is named twice.
    """
    promoted = [attribute.name for attribute in _universal_attributes(universal, operand)]
    return ordered(operand, dict.fromkeys((*operand.primary_key, *promoted)))


def _universal_attributes(universal: UniversalSet, operand: Heading) -> list[Attribute]:
    repeated = first_repeated(universal.names)
    if repeated is not None:
        raise InvalidRequest(f"U names the attribute `{repeated}` twice.", attribute=repeated)
    return [_universal_attribute(name, operand) for name in universal.names]


def _universal_attribute(name: str, operand: Heading) -> Attribute:
    if name not in operand:
        raise UnknownAttribute(
            f"U names the attribute `{name}`, which the other side lacks; it has {', '.join(operand.names)}.",
            attribute=name,
        )
    return replace(operand[name], default=None, auto_increment=False)

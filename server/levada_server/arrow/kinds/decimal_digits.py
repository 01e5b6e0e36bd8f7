"""Convert decimals between PostgreSQL's digits to the base 10000 and Arrow's 128 bits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from levada_server.arrow.kinds.column_kind import Array

BASE = 10_000
BASE_DIGITS = 4
_HEADER_BYTES = 8
"""Four int16: number of digits, weight of the first (a power of 10000), sign, decimal digits after the point."""
_POSITIVE, _NEGATIVE = 0x0000, 0x4000
_LIMBS = 4
_LIMB_BITS = 32
_LIMB_MASK = (1 << _LIMB_BITS) - 1


def _groups(precision: int, scale: int) -> tuple[int, int]:
    """Count the base-10000 digits before and after the point that a decimal(precision, scale) can have."""
    return -(-(precision - scale) // BASE_DIGITS), -(-scale // BASE_DIGITS)


def decimals_from_wire(octets: Array, begins: Array, lengths: Array, precision: int, scale: int) -> tuple[Array, bool]:
    """Read decimals.

    Args:
        octets: The bytes that contain them, with at least 8 readable bytes after each start; uint8.
        begins: The start of each decimal.
        lengths: The number of bytes of each, -1 for NULL.
        precision: All digits, ≤ 38.
        scale: Digits after the point.

    Returns:
        An array of shape (n, 4) of little-endian uint32, each row a two's complement of 128 bits, 0 for NULL; and
        whether all values fit: they are finite and have no more digits than the type.
    """
    words = np.ndarray((octets.size - 1,), ">i2", octets, strides=(1,))
    present = lengths >= 0
    count, weight, sign = (np.where(present, words[begins + 2 * i], 0).astype(np.int64) for i in range(3))
    before, after = _groups(precision, scale)
    # The power of 10000 of a digit is its place on the grid of the type; the other places are 0.
    fits = bool(np.isin(sign, (_POSITIVE, _NEGATIVE)).all())
    fits &= not ((count > 0) & ((weight >= before) | (weight - count + 1 < -after))).any()
    limbs = np.zeros((len(begins), _LIMBS), np.uint64)
    surplus = 10 ** (BASE_DIGITS * after - scale)  # the excess of the last digit after the point
    for power in range(before - 1, -after - 1, -1):
        index = weight - power
        given = (index >= 0) & (index < count)
        digit = np.where(given, words[np.where(given, begins + _HEADER_BYTES + 2 * index, 0)], 0).astype(np.uint64)
        excess = np.uint64(surplus if power == -after else 1)
        fits &= not (digit % excess).any()
        carry = _multiply_add(limbs, BASE // int(excess), digit // excess)
        fits &= not carry.any()
    fits &= not _exceeds(limbs, 10**precision - 1)
    negative = sign == _NEGATIVE
    limbs[negative] = _negated(limbs[negative])
    return limbs.astype("<u4"), fits


def decimals_to_wire(limbs: Array, precision: int, scale: int) -> Array:
    """Write decimals, all with the same number of digits; PostgreSQL drops leading and trailing zeros.

    Args:
        limbs: An array as `decimals_from_wire` returns it.
        precision: All digits, ≤ 38.
        scale: Digits after the point.

    Returns:
        An array of shape (n, 4 + digits) of big-endian int16.
    """
    before, after = _groups(precision, scale)
    rest = limbs.astype(np.uint64)
    negative = rest[:, -1] >> (_LIMB_BITS - 1) == 1
    rest[negative] = _negated(rest[negative])
    words = np.empty((len(limbs), _HEADER_BYTES // 2 + before + after), ">i2")
    words[:, 0] = before + after
    words[:, 1] = before - 1
    words[:, 2] = np.where(negative, _NEGATIVE, _POSITIVE)
    words[:, 3] = scale
    surplus = 10 ** (BASE_DIGITS * after - scale)
    for place in range(before + after - 1, -1, -1):
        # The last digit is filled up with zeros on the right if the scale is not a multiple of four.
        excess = surplus if place == before + after - 1 else 1
        words[:, _HEADER_BYTES // 2 + place] = _divide(rest, BASE // excess) * np.uint64(excess)
    return words


def _multiply_add(limbs: Array, factor: int, addend: Array) -> Array:
    """Multiply numbers of 128 bits by one below 2^32 and add one below 2^32 to each, in place; return the carries."""
    carry = addend
    for limb in range(_LIMBS):
        wide = limbs[:, limb] * np.uint64(factor) + carry
        limbs[:, limb] = wide & np.uint64(_LIMB_MASK)
        carry = wide >> np.uint64(_LIMB_BITS)
    return carry


def _divide(limbs: Array, divisor: int) -> Array:
    """Divide numbers of 128 bits by a small one, in place; return the remainders."""
    remainder = np.zeros(len(limbs), np.uint64)
    for limb in range(_LIMBS - 1, -1, -1):
        wide = remainder << np.uint64(_LIMB_BITS) | limbs[:, limb]
        limbs[:, limb] = wide // np.uint64(divisor)
        remainder = wide % np.uint64(divisor)
    return remainder


def _negated(limbs: Array) -> Array:
    """Return the two's complement of numbers of 128 bits."""
    negated: Array = limbs ^ np.uint64(_LIMB_MASK)
    _multiply_add(negated, 1, np.ones(len(limbs), np.uint64))
    return negated


def _exceeds(limbs: Array, limit: int) -> bool:
    """Return whether any number of 128 bits without sign is above a limit."""
    greater = np.zeros(len(limbs), np.bool_)
    for limb in range(_LIMBS):
        bound = np.uint64(limit >> (_LIMB_BITS * limb) & _LIMB_MASK)
        greater = (limbs[:, limb] > bound) | (limbs[:, limb] == bound) & greater
    return bool(greater.any())

"""Mutations of inputs: bits, numbers at the edges of types, pieces that move, repeat, vanish or come from others."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

_EDGES = [0, 1, 2, 7, 38, 39, 76, 127, 128, 255, 2**15, 2**16, 2**26 + 1, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63 - 1]


def mutated(seeds: Sequence[bytes], chance: random.Random) -> bytes:
    """Return one of the seeds, changed in a few places."""
    content = bytearray(chance.choice(seeds))
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        if not content:
            break
        _change(content, seeds, chance)
    return bytes(content)


def _change(content: bytearray, seeds: Sequence[bytes], chance: random.Random) -> None:
    place = chance.randrange(len(content))
    match chance.randrange(7):
        case 0:
            content[place] ^= 1 << chance.randrange(8)
        case 1:
            content[place] = chance.randrange(256)
        case 2 | 3:
            width = chance.choice((1, 2, 4, 4, 8))
            number = chance.choice((1, -1)) * chance.choice(_EDGES) % 256**width
            place -= place % width
            content[place : place + width] = number.to_bytes(width, "little")
        case 4:
            del content[place : place + chance.choice((1, 2, 4, 8, 64))]
        case 5:
            length = chance.choice((1, 4, 8, 16, 100))
            other = chance.randrange(len(content))
            content[place:place] = content[other : other + length] * chance.choice((1, 1, 2, 50))
        case _:
            donor = chance.choice(seeds)
            start = chance.randrange(len(donor) + 1)
            length = chance.choice((1, 4, 8, 16, 100))
            content[place : place + length] = donor[start : start + length]

"""Find the columns in the rows of binary COPY, many rows at a time."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from levada_server.arrow.kinds.column_kind import Field
from levada_server.arrow.types import COLUMN_KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from levada_server.arrow.kinds.column_kind import Array
    from levada_server.model.heading import Heading

_LENGTH = struct.Struct(">i")


def end_of_columns(octets: Array, position: int, size: int, columns: int) -> int | None:
    """Return the end of columns that begin at a position; None if they are not complete."""
    for _ in range(columns):
        if position + _LENGTH.size > size:
            return None
        position += _LENGTH.size + max(_LENGTH.unpack_from(octets.data, position)[0], 0)
    return position if position <= size else None


@dataclass(frozen=True, slots=True)
class _Run:
    """Neighbouring columns whose places in a row do not depend on each other.

    They are columns of fixed width; only the last may be NULL, or have any width: then the run has only its length.

    Args:
        dtype: An unaligned record with the length `n0` and the value `v0` of the first column, and so on.
        widths: The widths of the columns; None for any width.
        nullable: Whether the last column may be NULL.
    """

    dtype: np.dtype[np.void]
    widths: tuple[int | None, ...]
    nullable: bool


class Layout:
    """Finds the columns of rows.

    One memory access for each column and row takes most of the time of decoding. So a run of columns is read in one
    access, on the assumption that each has the width of its type and that only nullable columns are NULL; if that
    proves wrong, the columns are read one by one.

    Attributes:
        padding_bytes: The number of bytes behind the last row that may be read.
    """

    def __init__(self, heading: Heading) -> None:
        """Prepare to find columns of the types of `wire_type`."""
        self._count = len(heading.attributes)
        self._runs = tuple(_runs(heading))
        self.padding_bytes = max([16, *(run.dtype.itemsize for run in self._runs)]) + 1

    def columns(self, octets: Array, positions: Array, size: int) -> tuple[list[Field], Array]:
        """Return the columns of rows, and the ends of the rows.

        Args:
            octets: Bytes; `padding_bytes` of them follow the last valid one.
            positions: The start of the first column of each row; int64, ascending.
            size: The number of valid bytes.

        Returns:
            The columns, and the ends; an end past `size` means that the row is not complete, or is not a row.
        """
        return self._in_runs(octets, positions, size) or self._one_by_one(octets, positions, size)

    def _in_runs(self, octets: Array, positions: Array, size: int) -> tuple[list[Field], Array] | None:
        fields: list[Field] = []
        fits = np.ones(len(positions), np.bool_)
        position = positions
        for run in self._runs:
            size_of_run = run.dtype.itemsize
            # The records are plain bytes here, because NumPy would copy a record field by field.
            everywhere = np.ndarray((octets.size - size_of_run + 1,), f"V{size_of_run}", octets, strides=(1,))
            block = everywhere[position].view(run.dtype)
            position = position + size_of_run
            last = len(run.widths) - 1
            for number, width in enumerate(run.widths):
                lengths = block[f"n{number}"]
                if width is None:
                    lengths = lengths.astype(np.int64)
                    fits &= lengths >= -1
                    fields.append(Field(octets, position, lengths))
                    position = np.minimum(position + np.maximum(lengths, 0), size + 1)
                elif number == last and run.nullable:
                    lengths = lengths.astype(np.int64)
                    null = lengths == -1
                    fits &= (lengths == width) | null
                    fields.append(Field(octets, position, lengths, block[f"v{number}"]))
                    position = position - null * width
                else:
                    fits &= lengths == width
                    everyone = np.broadcast_to(np.int64(width), len(positions))
                    fields.append(Field(octets, position, everyone, block[f"v{number}"]))
            position = np.minimum(position, size + 1)
        if not fits.all():
            # The last row is often not complete.
            if not fits[:-1].all() or end_of_columns(octets, int(positions[-1]), size, self._count) is not None:
                return None
            position[-1] = size + 1
        return fields, position

    def _one_by_one(self, octets: Array, positions: Array, size: int) -> tuple[list[Field], Array]:
        lengths_at = np.ndarray((octets.size - _LENGTH.size,), ">i4", octets, strides=(1,))
        fields = []
        position = positions
        for _ in range(self._count):
            lengths = lengths_at[position].astype(np.int64)
            begins = position + _LENGTH.size
            fields.append(Field(octets, begins, lengths))
            position = np.minimum(begins + np.maximum(lengths, 0), size + 1)
        return fields, position


def _runs(heading: Heading) -> Iterable[_Run]:
    widths: list[int | None] = []
    names: list[tuple[str, str]] = []
    for attribute in heading:
        number = len(widths)
        wire = COLUMN_KINDS[attribute.type.kind].wire
        names.append((f"n{number}", ">i4"))
        if wire is not None:
            names.append((f"v{number}", wire))
        widths.append(None if wire is None else np.dtype(wire).itemsize)
        if wire is None or attribute.nullable:
            yield _run(names, widths, nullable=attribute.nullable)
            widths, names = [], []
    if widths:
        yield _run(names, widths, nullable=False)


def _run(names: Sequence[tuple[str, str]], widths: Sequence[int | None], *, nullable: bool) -> _Run:
    return _Run(np.dtype(list(names)), tuple(widths), nullable)

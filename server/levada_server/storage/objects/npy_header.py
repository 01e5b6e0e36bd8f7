"""Read the header of a file in NumPy's format."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from levada_server.errors import WrongValue

if TYPE_CHECKING:
    from typing import BinaryIO

_READERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


@dataclass(frozen=True, slots=True)
class NpyHeader:
    """The element type of an array, as NumPy writes it (`<f8`), and its shape."""

    dtype: str
    shape: tuple[int, ...]


def read_npy_header(file: BinaryIO) -> NpyHeader:
    """Read the header, and check that the file has exactly its elements.

    Raises:
        WrongValue: The file is not an array that can be read without pickle.

    Source: NumPy documentation, "numpy.lib.format".
    """
    try:
        read = _READERS[np.lib.format.read_magic(file)]
        shape, _, dtype = read(file)
    except (ValueError, LookupError, TypeError, OverflowError, MemoryError, RecursionError):  # it is parsed as Python
        raise WrongValue("The file is not an array in NumPy's format (.npy, version 1 or 2).") from None
    if dtype.hasobject:
        raise WrongValue(
            "The array holds Python objects, which no other language can read; store numbers, text or times."
        )
    begin = file.tell()
    wanted, found = int(np.prod(shape, dtype=object)) * dtype.itemsize, file.seek(0, os.SEEK_END) - begin
    if wanted != found:
        raise WrongValue(f"The array has {found} bytes of elements, but its header says {wanted}.")
    return NpyHeader(str(np.lib.format.dtype_to_descr(dtype)), shape)

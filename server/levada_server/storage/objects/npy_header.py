"""What a file of NumPy's format says of the array in it."""

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
    """An array: its element type as NumPy writes it (`<f8`), and its shape."""

    dtype: str
    shape: tuple[int, ...]


def read_npy_header(file: BinaryIO) -> NpyHeader:
    """Read the header, and check that the elements are there and no others.

    Raises:
        WrongValue: It is no array that can be read without pickle.

    Source: NumPy documentation, "numpy.lib.format".
    """
    try:
        read = _READERS[np.lib.format.read_magic(file)]
        shape, _, dtype = read(file)
    except (ValueError, KeyError):
        raise WrongValue("The file is no array of NumPy's format (.npy, version 1 or 2).") from None
    if dtype.hasobject:
        raise WrongValue("The array holds Python objects, which no other language reads; store numbers, text or times.")
    wanted, found = int(np.prod(shape, dtype=object)) * dtype.itemsize, os.fstat(file.fileno()).st_size - file.tell()
    if wanted != found:
        raise WrongValue(f"The array has {found} bytes of elements, and its header says {wanted}.")
    return NpyHeader(str(np.lib.format.dtype_to_descr(dtype)), shape)

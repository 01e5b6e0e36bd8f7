"""Arrays to and from `Value` messages: tensors, cell arrays, struct arrays, sparse matrices."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

import numpy as np

from levada._base.errors import WrongValue
from levada._values.unstorable import Unstorable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from levada_api.v1 import value_pb2 as pb

    Encode: TypeAlias = Callable[[object, pb.Value], None]
    """Fills a message with an element."""
    Decode: TypeAlias = Callable[[pb.Value], Any]  # Any: whatever was stored

Array: TypeAlias = "np.ndarray[Any, Any]"  # Any: of every dtype

MAX_TENSOR_BYTES = 2**31 - 2**20
"""A protobuf message has less than 2 GiB."""
_MAX_TEXT_BYTES = 2**30
"""The maximum for an array of texts, in which NumPy reserves the size of the longest for each."""
_DTYPE = re.compile(r"bool|u?int(8|16|32|64)|float(16|32|64)|complex(64|128)|(datetime|timedelta)64(\[\w+\])?")
_CELLS = "O"
_CHAR_MATRIX = "levada_char_matrix"
"""Marks the dtype of an array of text that MATLAB wrote as a char matrix, so that it is written back as one."""
_PLAIN_SUBCLASSES = ("MatCell", "MatStruct", "matrix", "memmap", "recarray")
"""Subclasses of arrays that add nothing to the values."""
_SPARSE_FORMS = frozenset(f"{form}_{kind}" for form in ("bsr", "coo", "csc", "csr", "dia", "dok", "lil")
                          for kind in ("array", "matrix"))  # fmt: skip
_MATLAB_SPARSE = "csc_array"


def encode_array(value: np.generic | Array, message: pb.Value, encode: Encode) -> None:
    """Fill a message with an array, or with a NumPy scalar.

    Raises:
        Unstorable: Its elements have no form that other languages can read, or an element cannot be stored.
    """
    if isinstance(value, np.ndarray) and type(value) is not np.ndarray and not _plain_subclass(value):
        raise Unstorable(
            f"a {type(value).__name__}, which is more than an array: store np.asarray(…) of it, "
            "and separately whatever that loses."
        )
    array = np.asarray(value)
    match array.dtype.kind:
        case "O":
            _encode_cells(array, message.cell_array, encode)
        case "V" if isinstance(value, np.ndarray) and array.dtype.names is not None:
            _encode_structured(array, message, encode)
        case _:
            encode_tensor(array, message.tensor)
            message.tensor.scalar = isinstance(value, np.generic)


def encode_tensor(array: Array, tensor: pb.Tensor) -> None:
    """Fill a message with an array of numbers, times or text.

    Raises:
        Unstorable: Its elements have no form that other languages can read.
    """
    if array.nbytes > MAX_TENSOR_BYTES and array.dtype.kind != "U":
        raise Unstorable(f"an array of {array.nbytes} bytes; keep it in a store: <blob@store>.")
    column_major = array.flags.f_contiguous and not array.flags.c_contiguous
    flat = array.ravel(order="F" if column_major else "C")
    tensor.shape.extend(array.shape)
    tensor.column_major = column_major
    if array.dtype.kind == "U":
        tensor.dtype = "text"
        tensor.text_length = array.dtype.itemsize // 4
        if array.ndim == 1 and _CHAR_MATRIX in (array.dtype.metadata or {}):
            tensor.column_major = True
        try:
            tensor.texts.extend(flat.tolist())
        except UnicodeEncodeError:
            raise Unstorable("text with a lone surrogate, which is not valid Unicode.") from None
    elif _DTYPE.fullmatch(array.dtype.name):
        tensor.dtype = array.dtype.name
        tensor.elements = flat.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
    else:
        what = "an array" if array.ndim else "a scalar"
        advice = ".astype(str) converts it to text" if array.dtype.kind in "ST" else "convert it to plain values"
        raise Unstorable(f"{what} of {array.dtype} cannot be stored; {advice}.")


def decode_tensor(tensor: pb.Tensor) -> Array | np.generic:
    """Read an array of numbers, times or text, or a single such element.

    Raises:
        WrongValue: Its parts do not match.
    """
    shape = tuple(tensor.shape)
    count = math.prod(shape)
    if min(shape, default=0) < 0 or (tensor.scalar and shape):
        raise WrongValue(f"An array of shape {shape}.")
    if tensor.dtype == "text":
        array = _texts(tensor)
    elif _DTYPE.fullmatch(tensor.dtype):
        stored = np.dtype(tensor.dtype).newbyteorder("<")
        if len(tensor.elements) % stored.itemsize:
            raise WrongValue(f"An array of {tensor.dtype} in {len(tensor.elements)} bytes.")
        # A copy, because memory of the message is read-only.
        array = np.frombuffer(tensor.elements, stored).astype(stored.newbyteorder("="), copy=True)
    else:
        raise WrongValue(f"An array of {tensor.dtype!r}, a type that this client does not know.")
    if array.size != count:
        raise WrongValue(f"An array of shape {shape} with {array.size} elements.")
    array = array.reshape(shape, order=_order(tensor.column_major))
    return array[()] if tensor.scalar else array


def _texts(tensor: pb.Tensor) -> Array:
    texts = list(tensor.texts)
    length = max(tensor.text_length, max(map(len, texts), default=0), 1)
    if length * 4 * max(len(texts), 1) > _MAX_TEXT_BYTES:
        raise WrongValue(f"An array of {len(texts)} texts of up to {length} characters, too large for a NumPy array.")
    matrix = tensor.column_major and len(tensor.shape) == 1
    dtype = np.dtype(f"U{length}", metadata={_CHAR_MATRIX: True}) if matrix else np.dtype(f"U{length}")
    return np.array(texts, dtype=dtype)


def _plain_subclass(array: Array) -> bool:
    return type(array).__name__ in _PLAIN_SUBCLASSES and type(array).__module__.partition(".")[0] in ("numpy", "levada")


def _order(column_major: bool) -> Any:  # noqa: ANN401  # NumPy's literal type
    return "F" if column_major else "C"


def _places(array: Array, *, column_major: bool = False) -> Iterator[tuple[str, object]]:
    """Iterate over the elements, each with its index as shown in a path."""
    order = array.T if column_major else array
    for index, element in np.ndenumerate(order):
        place = index[::-1] if column_major else index
        yield f"[{', '.join(map(str, place))}]" if place else "", element


def _encode_cells(array: Array, cells: pb.CellArray, encode: Encode) -> None:
    cells.SetInParent()
    cells.shape.extend(array.shape)
    cells.column_major = array.flags.f_contiguous and not array.flags.c_contiguous
    for place, element in _places(array, column_major=cells.column_major):
        _encode_at(place, element, cells.values.add(), encode)


def _encode_at(place: str, element: object, message: pb.Value, encode: Encode) -> None:
    try:
        encode(element, message)
    except Unstorable as problem:
        raise problem.within(place) from None


def decode_cells(cells: pb.CellArray, decode: Decode) -> Array:
    """Read an array of values of any kind: an array of objects."""
    return _objects(cells.values, tuple(cells.shape), decode, _order(cells.column_major))


def _objects(values: Any, shape: tuple[int, ...], decode: Decode, order: Any) -> Array:  # noqa: ANN401  # repeated
    if min(shape, default=0) < 0 or len(values) != math.prod(shape):
        raise WrongValue(f"An array of shape {shape} with {len(values)} elements.")
    # Other ways would look into lists and arrays among the elements.
    return np.fromiter(map(decode, values), dtype=object, count=len(values)).reshape(shape, order=order)


def _encode_structured(array: Array, message: pb.Value, encode: Encode) -> None:
    names = array.dtype.names or ()
    if all(array.dtype[name].kind == _CELLS for name in names):
        structs = message.struct_array
        structs.SetInParent()
        structs.shape.extend(array.shape)
        structs.fields.extend(names)
        columns = [list(_places(array[name], column_major=True)) for name in names]
        for element in zip(*columns, strict=True):
            for name, (place, value) in zip(names, element, strict=True):
                _encode_at(f"{place}[{name!r}]", value, structs.values.add(), encode)
        return
    if array.ndim != 1:
        raise Unstorable(f"a structured array of {array.ndim} dimensions; store one of one dimension.")
    message.table.library = "numpy"
    for name in names:
        message.table.names.append(name)
        column = message.table.columns.add()
        try:
            if array.dtype[name].kind == _CELLS:
                encode(array[name].tolist(), column)
            else:
                encode_tensor(np.ascontiguousarray(array[name]), column.tensor)
        except Unstorable as problem:
            raise problem.within(f"[{name!r}]") from None


def decode_structs(structs: pb.StructArray, decode: Decode) -> Array:
    """Read an array of structs: a structured array whose fields hold objects."""
    shape, names = tuple(structs.shape), list(structs.fields)
    count = math.prod(shape)
    if min(shape, default=0) < 0 or len(structs.values) != count * len(names) or "" in names:
        raise WrongValue(f"An array of structs of shape {shape} with {len(structs.values)} values.")
    if count * max(len(names), 1) > MAX_TENSOR_BYTES:
        raise WrongValue(f"An array of structs of shape {shape}.")
    array = np.empty(shape, dtype=[(name, object) for name in names])
    for index, name in enumerate(names):
        array[name] = _objects(structs.values[index :: len(names)], shape, decode, "F")
    return array


def is_sparse(value: object) -> TypeGuard[Any]:  # Any: SciPy has no types
    """Return whether a value is a sparse matrix or array of SciPy."""
    return type(value).__module__.startswith("scipy.sparse") and type(value).__name__ in _SPARSE_FORMS


def encode_sparse(value: Any, message: pb.SparseMatrix) -> None:  # noqa: ANN401  # SciPy has no types
    """Fill a message with a sparse matrix.

    Raises:
        Unstorable: It does not have two dimensions, or its elements cannot be stored.
    """
    if len(value.shape) != 2:
        raise Unstorable(f"a sparse array of {len(value.shape)} dimensions; only two can be stored.")
    coordinates = value.tocoo()
    message.form = type(value).__name__
    message.shape.extend(value.shape)
    message.rows.extend(coordinates.row.tolist())
    message.columns.extend(coordinates.col.tolist())
    encode_tensor(coordinates.data, message.elements)


def decode_sparse(message: pb.SparseMatrix) -> Any:  # noqa: ANN401  # SciPy has no types
    """Read a sparse matrix, in the writer's form; MATLAB's as a `csc_array`.

    Raises:
        WrongValue: SciPy is not installed, or the parts do not match.
    """
    try:
        from scipy import sparse
    except ImportError:
        raise WrongValue("The value holds a sparse matrix; `pip install scipy` to read it.") from None
    form = message.form or _MATLAB_SPARSE
    shape, elements = tuple(message.shape), decode_tensor(message.elements)
    counts = {len(message.rows), len(message.columns), len(message.elements.shape) and elements.size}
    if form not in _SPARSE_FORMS or len(shape) != 2 or min(shape) < 0 or len(counts) != 1:
        raise WrongValue(f"A sparse matrix of shape {shape} and form {form!r} whose parts do not match.")
    coo = sparse.coo_array if form.endswith("array") else sparse.coo_matrix
    coordinates = coo((elements, (list(message.rows), list(message.columns))), shape=shape)
    return coordinates.asformat(form.partition("_")[0])

"""Staging: puts values into stores, so that rows can refer to them."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import numpy as np
from blake3 import blake3

from levada._base.errors import InvalidRequest, LevadaError, WrongValue
from levada._net.job_context import job_of
from levada._objects.handles import StoredObject
from levada._objects.transfer import PATIENCE_SECONDS, FileSource, MemorySource, hash_of, upload
from levada._values.attached import AttachedFile
from levada._values.blob import encode_blob
from levada._values.condition_values import encode_condition_value
from levada._values.files import is_file, is_folder
from levada._values.tabular import is_missing_scalar
from levada_api.v1 import object_service_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from levada._net.connection import Connection
    from levada._objects.direct import Source
    from levada._values.heading import Attribute, Heading
    from levada_api.v1 import schema_pb2

_KEYED = frozenset({"npy", "object"})
"""The codecs whose paths are made from keys."""
_PARALLEL = 4
"""Objects of one insert that are sent at once."""


@dataclass(frozen=True)
class Stager:
    """Puts the values of a table's rows into stores.

    Args:
        connection: To the server.
        table: The table's name.
        heading: The table's heading.
    """

    connection: Connection
    table: schema_pb2.TableName
    heading: Heading

    def stage(
        self,
        values: Sequence[object],
        attribute: Attribute,
        first_row: int,
        *,
        key: Callable[[int], Mapping[str, object]],
    ) -> list[str | None]:
        """Put the values of one attribute into its store; return the ids for the rows.

        Args:
            values: One per row; None for missing ones.
            attribute: An attribute of type `<…@store>`.
            first_row: Number of the first row within its insert, for errors.
            key: Returns the key of a row by its number among the values, as far as it is known.

        Raises:
            WrongValue: A value does not fit the attribute's type.
            LimitReached: The store is full.
        """

        def one(index: int) -> tuple[str, str] | None:
            value = values[index]
            if value is None or is_missing_scalar(value):
                return None
            where = f"`{self.table.table}`, row {first_row + index}, attribute `{attribute.name}`"
            try:
                return self._staged(value, attribute, key(index), where)
            except LevadaError as error:
                text = str(error) if str(error).startswith(where) else f"{where}: {error}"
                details = {"attribute": attribute.name, "row": first_row + index}
                raise type(error)(text, {**error.details, **details}) from None

        if len(values) == 1:
            staged = [one(0)]
        else:
            with ThreadPoolExecutor(_PARALLEL) as pool:
                staged = list(pool.map(one, range(len(values))))
        if (job := job_of(self.connection)) is not None:
            job.take_objects(dict(filter(None, staged)))
        return [None if reference is None else reference[0] for reference in staged]

    def _staged(self, value: object, attribute: Attribute, key: Mapping[str, object], where: str) -> tuple[str, str]:
        """Put a value into its store; return its id and its hash."""
        type_ = attribute.parsed_type
        if isinstance(value, Mapping) and type_.codec != "blob" and "id" in value:
            return str(value["id"]), str(value.get("hash", ""))  # as Arrow has it
        if isinstance(value, StoredObject) and self._shared(value, attribute):
            return value.id, value.hash
        request = pb.StageObjectRequest(name=self.table, attribute=attribute.name)
        keyed = staging_request(self.table, self.heading, attribute.name, key) if type_.codec in _KEYED else request
        match type_.codec:
            case "blob":
                return self._upload(request, MemorySource([memoryview(encode_blob(value, where))]))
            case "hash":
                if not isinstance(value, (bytes, bytearray, memoryview)):
                    raise WrongValue(f"a {type_} takes bytes, not a {type(value).__name__}.")
                return self._upload(request, MemorySource([_octets(value)]))
            case "attach" if isinstance(value, AttachedFile):
                request.file_name = value.name
                return self._upload(request, MemorySource([memoryview(value.content)]))
            case "attach":
                path = _path(value, type_.spelling)
                request.file_name = path.name
                return self._upload(request, _file(path))
            case "filepath":
                return self._registered(_path(value, type_.spelling), attribute)
            case "npy":
                return self._upload(keyed, _array(value))
            case _:
                return self._any(keyed, value, type_.spelling)

    def _shared(self, value: StoredObject, attribute: Attribute) -> bool:
        """Return whether a row may refer to an object that another row refers to."""
        type_ = attribute.parsed_type
        return (
            value.connection is self.connection
            and value.codec == type_.codec
            and type_.store in ("", value.store)
            and not getattr(value, "member", "")
        )

    def _any(self, request: pb.StageObjectRequest, value: object, spelling: str) -> tuple[str, str]:
        if isinstance(value, (bytes, bytearray, memoryview)):
            request.file_name = f"{request.attribute}.bin"
            return self._upload(request, MemorySource([_octets(value)]))
        path = _path(value, spelling)
        source = None if is_folder(path) else _file(path)
        request.file_name = value.name if isinstance(value, StoredObject) else path.resolve().name
        if source is not None:
            return self._upload(request, source)
        request.folder = True
        sources = [replace(source, hash=hash_of(source)) for source in _folder(path)]
        lines = "".join(f"{source.hash} {source.size} {source.path}\n" for source in sources)
        stored = upload(self.connection, request, sources, blake3(lines.encode()).hexdigest())
        return stored.id, stored.hash

    def _upload(self, request: pb.StageObjectRequest, source: Source) -> tuple[str, str]:
        stored = upload(self.connection, request, [source], hash_of(source))
        return stored.id, stored.hash

    def _registered(self, path: Path, attribute: Attribute) -> tuple[str, str]:
        store = attribute.parsed_type.store
        if path.is_absolute():
            folder = self.connection.store_folder(store)
            if folder is None or not path.is_relative_to(folder):
                seen = "which this machine does not see" if folder is None else f"which is {folder} here"
                raise InvalidRequest(
                    f"{path} is not in the store `{store or 'preferred'}`, {seen}. Give its path within the "
                    f"store, or set where this machine has it: config['stores'] = {{'{store}': {{'location': …}}}}; "
                    "<attach@…> copies a file from elsewhere."
                )
            path = path.relative_to(folder)
        request = pb.RegisterFileRequest(name=self.table, attribute=attribute.name, path=PurePath(path).as_posix())
        response = self.connection.call(
            "ObjectService/RegisterFile", request, pb.RegisterFileResponse, patience=PATIENCE_SECONDS
        )
        return response.object.id, response.object.hash


def staging_request(
    table: schema_pb2.TableName, heading: Heading, attribute: str, key: Mapping[str, object]
) -> pb.StageObjectRequest:
    """Return the request that begins an object at a path made from the key, as far as that is known."""
    request = pb.StageObjectRequest(name=table, attribute=attribute)
    for name in heading.primary_key:
        if key.get(name) is not None:
            value = encode_condition_value(key[name], f"attribute `{name}`")
            request.key.add(name=name).value.CopyFrom(value)
    return request


def _octets(value: bytes | bytearray | memoryview) -> memoryview:
    view = memoryview(value)
    return view if view.format == "B" and view.ndim == 1 and view.c_contiguous else memoryview(bytes(view))


def _path(value: object, spelling: str) -> Path:
    if not isinstance(value, (str, os.PathLike)):
        raise WrongValue(f"a {spelling} takes a path, not a {type(value).__name__}.")
    # Paths in stores are written with `/`, whoever wrote this one.
    return Path(value.as_posix() if isinstance(value, PurePath) else value)


def _file(path: Path) -> FileSource:
    if not is_file(path):
        raise WrongValue(f"there is no file {path!s:.200}.")
    return FileSource(path, "", path.stat().st_size)


def _folder(path: Path) -> list[FileSource]:
    """List the files of a folder in the byte order of their paths."""
    sources = []
    for folder, folders, names in os.walk(path):
        for link in (Path(folder, name) for name in folders if Path(folder, name).is_symlink()):
            raise WrongValue(f"{link} is a link to a folder; only files are stored. Copy its target.")
        for file in (Path(folder, name) for name in names):
            if not file.exists() or not stat.S_ISREG(file.stat().st_mode):
                raise WrongValue(f"{file} is not a file whose content can be stored.")
            sources.append(FileSource(file, file.relative_to(path).as_posix(), file.stat().st_size))
    return sorted(sources, key=lambda source: source.path.encode())


def _array(value: object) -> Source:
    """Build the file of an array without copying all of it in memory."""
    if isinstance(value, (str, os.PathLike)):
        path = Path(value)
        if path.suffix != ".npy":
            raise WrongValue(f"an <npy@…> takes an array or the path of a .npy file, not {path}.")
        return _file(path)
    if np.ma.is_masked(value):
        raise WrongValue("an <npy@…> cannot take an array with masked elements; fill them first.")
    array: np.ndarray[Any, Any] = np.asarray(value)
    if array.dtype.hasobject:
        raise WrongValue("an <npy@…> takes numbers, text or times, not Python objects.")
    header = io.BytesIO()
    if not array.flags.f_contiguous:
        array = np.ascontiguousarray(array)
    described = np.lib.format.header_data_from_array_1_0(array)
    np.lib.format.write_array_header_2_0(header, described)
    flat = (array.T if described["fortran_order"] else array).reshape(-1)
    return MemorySource([memoryview(header.getvalue()), memoryview(flat.view(np.uint8).data)])

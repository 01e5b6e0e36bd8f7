"""Functions and small classes that pipelines import from DataJoint's submodules."""

from __future__ import annotations

import hashlib
import inspect
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np

from levada import blob as _blob
from levada._base.absent_names import Explained
from levada._base.errors import DataJointError, InvalidRequest
from levada._base.names import full_name, parse_full_name
from levada._query import preview as _preview
from levada._query.relation import Relation
from levada._query.restriction import as_operand
from levada._tables.table import FreeTable, Table
from levada._values.codecs import list_codecs

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator
    from typing import BinaryIO

    from levada._net.connection import Connection

KEY = "KEY"
"""In place of an attribute's name in `fetch`: the primary key as a dictionary."""

_PIECE_BYTES = 2**14
_CAMEL_CASE = re.compile(r"[A-Z][A-Za-z0-9]*")
_PART = re.compile(r"(`?[^`.]+`?\.`?[#~]?_{0,2}[^`_]\w*?)__\w+?(`?)")
_WORD = re.compile(r"[A-Za-z_]\w*")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")


class BucketInaccessible(DataJointError):
    """Nothing raises it: only the server opens the buckets of stores."""


class PluginWarning(UserWarning):
    """Nothing warns of it: there are no plugins."""


def switch(on: bool) -> None:
    """Do nothing: DataJoint switches adapters and filepaths on by such a call, and here they are always on."""


# ------------------------------------------------------------------------------------------------------- names


def is_camel_case(s: str) -> bool:
    """Return whether a text can be the name of a class: `SessionTrial`."""
    return _CAMEL_CASE.fullmatch(s) is not None


def extract_master(part_table: str) -> str | None:
    """Return the full name of the master of a part, from the part's; None for the name of another table."""
    match = _PART.fullmatch(part_table)
    return match[1] + match[2] if match else None


def get_master(full_table_name: str) -> str:
    """Return the full name of the master of a part, from the part's; empty for the name of another table."""
    return extract_master(full_table_name) or ""


def unite_master_parts(lst: Iterable[str]) -> list[str]:
    """Order the full names of tables so that parts follow their master, in the order of the masters."""
    names = list(lst)
    masters = {name: master if (master := extract_master(name)) in names else name for name in names}
    order = {master: index for index, master in enumerate(dict.fromkeys(masters.values()))}
    return sorted(names, key=lambda name: order[masters[name] or name])


def lookup_class_name(name: str, context: Mapping[str, Any], depth: int = 3) -> str | None:
    """Find the class of a table in a namespace, and in the modules in it.

    Args:
        name: The table's full name.
        context: The namespace.
        depth: How many modules inside one another to search.

    Returns:
        The class's name with points, as the namespace has it: `lab.Session.Trial`; None if there is none.
    """
    wanted = full_name(parse_full_name(name))
    level = [("", context)]
    for _ in range(depth + 1):
        inner: list[tuple[str, Mapping[str, Any]]] = []
        for prefix, namespace in level:
            for member, value in list(namespace.items()):
                if member.startswith("_"):
                    continue
                if inspect.isclass(value) and issubclass(value, Table):
                    if (found := _class_in(value, wanted)) is not None:
                        return prefix + ".".join([member, *found])
                elif isinstance(value, ModuleType) and value.__name__.partition(".")[0] not in ("datajoint", "levada"):
                    inner.append((f"{prefix}{member}.", vars(value)))
        level = inner
    return None


def _class_in(table: type[Table], wanted: str) -> list[str] | None:
    """Return the path to the class of a table from a class, which is that class or holds it as a part."""
    schema = table._schema
    if schema is not None and schema.database and table().full_table_name == wanted:
        return []
    for name, part in vars(table).items():
        if inspect.isclass(part) and issubclass(part, Table) and name[0].isupper():
            inner = _class_in(part, wanted)
            if inner is not None:
                return [name, *inner]
    return None


# ------------------------------------------------------------------------------------------------- conditions


def make_condition(
    query_expression: Relation, condition: object, columns: set[str], semantic_check: bool = True
) -> object:
    """Return a condition for `&` of a query.

    Args:
        query_expression: The query.
        condition: Anything that may stand behind `&`.
        columns: The names of the attributes that the condition uses are added here.
        semantic_check: Not needed: `&` checks it.

    Raises:
        InvalidRequest: It cannot be a condition.
    """
    query_expression.restrict(condition)
    columns |= _names_in(as_operand(condition)) & set(query_expression.heading.names)
    return condition


def _names_in(condition: object) -> set[str]:
    if isinstance(condition, str):
        return extract_column_names(condition)
    if isinstance(condition, Relation):
        return set(condition.heading.names)
    if isinstance(condition, Mapping):
        return set(map(str, condition))
    if isinstance(condition, (list, tuple, set, frozenset)):
        return set().union(*map(_names_in, condition))
    return set(getattr(getattr(condition, "dtype", None), "names", None) or ())


def extract_column_names(sql_expression: str) -> set[str]:
    """Return the words of a condition that may be names of attributes."""
    return set(_WORD.findall(_QUOTED.sub(" ", sql_expression)))


def assert_join_compatibility(expr1: object, expr2: object, semantic_check: bool = True) -> None:
    """Check that two queries can be joined.

    Raises:
        InvalidRequest: One of them is not a query.
        MismatchedLineage: They share a name with different meanings.
    """
    first = as_operand(expr1)
    if not isinstance(first, Relation):
        raise InvalidRequest(f"Only tables and queries can be joined, not {expr1!r}.")
    if first._connection is not None:  # every join with a U alone is possible
        _ = first.join(expr2, semantic_check=semantic_check).heading


# ------------------------------------------------------------------------------------------------------ results


def is_key(attr: object) -> bool:
    """Return whether an argument of `fetch` stands for the primary key."""
    return isinstance(attr, str) and attr == KEY


def to_dicts(recarray: np.ndarray[Any, Any]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a structured array as dictionaries."""
    names = recarray.dtype.names or ()
    return (dict(zip(names, row, strict=True)) for row in recarray)


def preview(query_expression: Relation, limit: int | None = None, width: int | None = None) -> str:
    """Show the first entities as text: `query.preview(limit, width)`."""
    return query_expression.preview(limit, width)


def repr_html(query_expression: Relation) -> str:
    """Show the first entities as a table in HTML."""
    return _preview.html(query_expression)


# ------------------------------------------------------------------------------------------------------ digests


def uuid_from_stream(stream: BinaryIO, *, init_string: str = "") -> UUID:
    """Return the MD5 digest of what a stream holds, as a UUID.

    Args:
        stream: Read to its end.
        init_string: Text that is digested first.
    """
    digest = hashlib.md5(init_string.encode(), usedforsecurity=False)
    while piece := stream.read(_PIECE_BYTES):
        digest.update(piece)
    return UUID(bytes=digest.digest())


def uuid_from_buffer(buffer: bytes = b"", *, init_string: str = "") -> UUID:
    """Return the MD5 digest of bytes, as a UUID; arguments as for `uuid_from_stream`."""
    return UUID(bytes=hashlib.md5(init_string.encode() + buffer, usedforsecurity=False).digest())


def uuid_from_file(filepath: str | os.PathLike[str], *, init_string: str = "") -> UUID:
    """Return the MD5 digest of a file, as a UUID; arguments as for `uuid_from_stream`."""
    with Path(filepath).open("rb") as file:
        return uuid_from_stream(file, init_string=init_string)


# -------------------------------------------------------------------------------------------------------- files


def safe_write(filepath: str | os.PathLike[str], blob: bytes) -> None:
    """Write a file that nobody can see half written; do nothing if it exists."""
    _put(Path(filepath), lambda draft: draft.write_bytes(blob))


def safe_copy(src: str | os.PathLike[str], dest: str | os.PathLike[str], overwrite: bool = False) -> None:
    """Copy a file so that nobody can see half a copy; do nothing if there is one, unless `overwrite`."""
    source, target = Path(src), Path(dest)
    if not (target.exists() and source.samefile(target)):
        _put(target, lambda draft: shutil.copyfile(source, draft), overwrite=overwrite)


def _put(target: Path, write: Callable[[Path], object], *, overwrite: bool = False) -> None:
    if overwrite or not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f"{target.name}.saving")
        write(draft)
        draft.replace(target)


# ------------------------------------------------------------------------------------------------------- values


class MatCell(np.ndarray[Any, Any]):
    """An array that stands for a cell array of MATLAB; fetched cell arrays are plain arrays of objects."""


class MatStruct(np.recarray[Any, Any]):
    """A structured array that stands for a struct of MATLAB; fetched structs are dictionaries or structured arrays."""


class Blob(Explained):
    """Values as bytes and back.

    Args:
        squeeze: Drop the dimensions of length 1 of an array that is read.
    """

    def __init__(self, squeeze: bool = False) -> None:
        self._squeeze = squeeze

    def pack(self, obj: object, compress: bool = True) -> bytes:
        """Convert a value to its stored bytes; see `levada.blob.pack`."""
        return _blob.pack(obj, compress)

    def unpack(self, blob: bytes) -> Any:  # noqa: ANN401  # whatever was stored
        """Read a value from its stored bytes; see `levada.blob.unpack`."""
        return _blob.unpack(blob, self._squeeze)


class ClassProperty:
    """A property of a class.

    Args:
        f: Its function, called with the class.
    """

    def __init__(self, f: Callable[[type], Any]) -> None:
        self.f = f

    def __get__(self, obj: object, owner: type) -> Any:  # noqa: ANN401  # whatever the function returns
        return self.f(owner)


def is_codec_registered(name: str) -> bool:
    """Return whether there is a codec of a name."""
    return name in list_codecs()


# ------------------------------------------------------------------------------------------------------ lineage


def get_lineage(connection: Connection, database: str, table_name: str, attribute_name: str) -> str | None:
    """Return where an attribute of a table originates, as `schema.Table.attribute`; None if it has no origin."""
    return get_table_lineages(connection, database, table_name).get(attribute_name)


def get_table_lineages(connection: Connection, database: str, table_name: str) -> dict[str, str]:
    """Return where the attributes of a table originate, by their names; attributes without an origin are left out."""
    heading = FreeTable(connection, f"{database}.{table_name}").heading
    return {name: attribute.origin for name, attribute in heading.attributes.items() if attribute.origin}

"""Names and paths of files that come from outside: which are allowed, and where an object lies in its store."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from levada_server.errors import InvalidRequest, WrongValue

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from levada_server.model.table import TableName

MAX_NAME_BYTES = 255
"""Of one name; file systems allow no more."""
MAX_PATH_BYTES = 2_000
"""Of a whole path within a store, or within a folder that is an object; an index of PostgreSQL takes it."""

MANAGED_FOLDER = "_levada"
"""What the server itself keeps in a store lies under this folder; nothing there can be registered."""
_REFUSED = re.compile(r"[\x00-\x1f\x7f/\\]")
_PLAIN = re.compile(r"[^A-Za-z0-9._+-]")
_MAX_SEGMENT = 120
_MAX_FOLDERS = MAX_PATH_BYTES - 2 * MAX_NAME_BYTES
_SUFFIX = re.compile(r"(\.[A-Za-z0-9]{1,10}){1,2}$")


def wrong_name(name: str) -> str | None:
    """Say what forbids a name of a file; None if nothing does."""
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return "is no valid Unicode"
    if name in ("", ".", ".."):
        return "names no file"
    if size > MAX_NAME_BYTES:
        return f"has {size} bytes, and a name has at most {MAX_NAME_BYTES}"
    if _REFUSED.search(name):
        return "has a slash, a backslash or a control character"
    return None


def check_file_name(name: str) -> str:
    """Give the name of a file or folder back if it may be one.

    Raises:
        InvalidRequest: It may not.
    """
    if (why := wrong_name(name)) is not None:
        raise InvalidRequest(f"The file name {name!r} {why}.", field="file_name")
    return name


def check_path(path: str) -> str:
    """Give a relative path back if each of its parts may be a name: none leads out of where it begins.

    Raises:
        InvalidRequest: One may not.
    """
    if len(path.encode(errors="replace")) > MAX_PATH_BYTES:
        raise InvalidRequest(f"A path has more than {MAX_PATH_BYTES} bytes.", field="path")
    for part in path.split("/"):
        if (why := wrong_name(part)) is not None:
            raise InvalidRequest(
                f"The path {path!r} is not allowed: {part!r} {why}. Give a path relative to the folder, with `/`, "
                "without `.` and `..`.",
                field="path",
            )
    return path


def attached_name(value: bytes) -> str:
    """Read the file name of an `<attach>` value, which is the name in UTF-8, NUL, and the file's content.

    Args:
        value: The whole, or its first `MAX_NAME_BYTES` + 1 bytes.

    Raises:
        WrongValue: There is no such name.
    """
    name, nul, _ = value.partition(b"\0")
    if not nul:
        raise WrongValue("An <attach> takes a file name of at most 255 bytes, NUL, and the content of the file.")
    try:
        text = name.decode()
    except UnicodeDecodeError:
        raise WrongValue("The file name of an <attach> is no UTF-8.") from None
    if (why := wrong_name(text)) is not None:
        raise WrongValue(f"The file name {text!r} {why}.")
    return text


def keyed_path(table: TableName, attribute: str, key: Iterable[tuple[str, object]], name: str, id_: UUID) -> str:
    """Make the path of an object from the key of its row: people find it, and no other object lies there."""
    path = f"{MANAGED_FOLDER}/object/{table.schema}/{table.stored}"
    for column, value in key:
        folder = f"/{column}={_segment(str(value))}"
        if len(path) + len(folder) <= _MAX_FOLDERS:
            path += folder
    suffix = _SUFFIX.search(name)
    return f"{path}/{attribute}_{id_.hex[:16]}{suffix[0] if suffix else ''}"


def attachment_path(name: str, id_: UUID) -> str:
    """Make the path of an attached file, which keeps its name."""
    return "/".join([MANAGED_FOLDER, "attach", id_.hex[:2], id_.hex, check_file_name(name)])


def content_path(codec: str, hash_: str, id_: UUID) -> str:
    """Make the path of what is addressed by its content."""
    return "/".join([MANAGED_FOLDER, codec, hash_[:2], f"{hash_}-{id_.hex[:16]}"])


def _segment(text: str) -> str:
    """Write a text with letters that every file system takes."""
    return _PLAIN.sub(lambda match: "".join(f"%{octet:02X}" for octet in match[0].encode(errors="replace")), text)[
        :_MAX_SEGMENT
    ]

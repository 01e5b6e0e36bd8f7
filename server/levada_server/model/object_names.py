"""Names and paths of files from outside: which are allowed, and the path of an object in its store."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from levada_server.errors import InvalidRequest, WrongValue

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from levada_server.model.table import TableName

MAX_NAME_BYTES = 255
"""The maximum size of a single name; file systems allow no more."""
MAX_PATH_BYTES = 2_000
"""The maximum size of a whole path in a store, or in an object's folder; an index of PostgreSQL can hold it."""

MANAGED_FOLDER = "_levada"
"""The server's own files in a store are under this folder; nothing there can be registered."""
_REFUSED = re.compile(r"[\x00-\x1f\x7f/\\]")
_PLAIN = re.compile(r"[^A-Za-z0-9._+-]")
_MAX_SEGMENT = 120
_MAX_FOLDERS = MAX_PATH_BYTES - 2 * MAX_NAME_BYTES
BY_CONTENT = frozenset({"blob", "hash"})
"""The codecs that store each content only once."""
_ID = re.compile(r"_[0-9a-f]{16}(?=(\.[A-Za-z0-9]{1,10}){0,2}$)")
_IGNORABLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""Letters that show nothing: Default_Ignorable_Code_Point of Unicode."""
_SUFFIX = re.compile(r"(\.[A-Za-z0-9]{1,10}){1,2}$")


def wrong_name(name: str) -> str | None:
    """Say why a file name is not allowed; return None if it is."""
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return "is not valid Unicode"
    if name in ("", ".", ".."):
        return "names no file"
    if size > MAX_NAME_BYTES:
        return f"has {size} bytes, and a name has at most {MAX_NAME_BYTES}"
    if _REFUSED.search(name):
        return "has a slash, a backslash or a control character"
    return None


def check_file_name(name: str) -> str:
    """Return the name of a file or folder if it is allowed.

    Raises:
        InvalidRequest: It is not allowed.
    """
    if (why := wrong_name(name)) is not None:
        raise InvalidRequest(f"The file name {name!r} {why}.", field="file_name")
    return name


def check_path(path: str) -> str:
    """Return a relative path if each of its parts is an allowed name, so that it cannot lead out of its folder.

    Raises:
        InvalidRequest: A part is not allowed.
    """
    if len(path.encode(errors="replace")) > MAX_PATH_BYTES:
        raise InvalidRequest(f"A path has more than {MAX_PATH_BYTES} bytes.", field="path")
    for part in path.split("/"):
        if (why := wrong_name(part)) is not None:
            raise InvalidRequest(
                f"The path {path!r} is not allowed: {part!r} {why}. Use a path relative to the folder, with `/`, "
                "without `.` and `..`.",
                field="path",
            )
    return path


def is_managed(path: str) -> bool:
    """Return whether a path lies in the server's own folder, however a file system lets others spell it.

    Many ignore case, other forms of the same letters, letters that show nothing, or dots and spaces at the end.
    """
    shown = _IGNORABLE.sub("", path.partition("/")[0])
    first = "".join(letter for letter in shown if unicodedata.category(letter) != "Cf")
    return unicodedata.normalize("NFKC", first).casefold().rstrip(". ") == MANAGED_FOLDER


def under(path: str, folders: Iterable[str]) -> bool:
    """Return whether a path lies in one of some folders; the empty folder is the whole store."""
    return any(not folder or path == folder or path.startswith(f"{folder}/") for folder in folders)


def attached_name(value: bytes) -> str:
    """Read the file name of an `<attach>` value: the name in UTF-8, NUL, then the file's content.

    Args:
        value: The whole value, or its first `MAX_NAME_BYTES` + 1 bytes.

    Raises:
        WrongValue: There is no such name.
    """
    name, nul, _ = value.partition(b"\0")
    if not nul:
        raise WrongValue("An <attach> takes a file name of at most 255 bytes, NUL, and the content of the file.")
    try:
        text = name.decode()
    except UnicodeDecodeError:
        raise WrongValue("The file name of an <attach> is not UTF-8.") from None
    if (why := wrong_name(text)) is not None:
        raise WrongValue(f"The file name {text!r} {why}.")
    return text


def keyed_path(table: TableName, attribute: str, key: Iterable[tuple[str, object]], name: str, id_: UUID) -> str:
    """Build the path of an object from the key of its row: people can find it, and it is unique."""
    path = f"{MANAGED_FOLDER}/object/{table.schema}/{table.stored}"
    for column, value in key:
        folder = f"/{column}={path_segment(str(value))}"
        if len(path) + len(folder) <= _MAX_FOLDERS:
            path += folder
    suffix = _SUFFIX.search(name)
    return f"{path}/{attribute}_{id_.hex[:16]}{suffix[0] if suffix else ''}"


def attachment_path(name: str, id_: UUID) -> str:
    """Build the path of an attached file, which keeps its name."""
    return "/".join([MANAGED_FOLDER, "attach", id_.hex[:2], id_.hex, check_file_name(name)])


def content_path(codec: str, hash_: str, id_: UUID) -> str:
    """Build the path of an object that is addressed by its content."""
    return "/".join([MANAGED_FOLDER, codec, hash_[:2], f"{hash_}-{id_.hex[:16]}"])


def path_of_copy(codec: str, path: str, name: str, hash_: str, id_: UUID) -> str:
    """Build a path that no object ever had, from the path of an object and a new id.

    Args:
        codec: The codec of the object.
        path: Its path.
        name: Its file name.
        hash_: The hash of its content.
        id_: The new id.
    """
    if codec in BY_CONTENT:
        return content_path(codec, hash_, id_)
    if codec == "attach":
        return attachment_path(name, id_)
    return _ID.sub(f"_{id_.hex[:16]}", path)


def key_in_path(path: str) -> tuple[str, list[tuple[str, str]]]:
    """Return the stored name of the table in a path of `keyed_path`, and the attributes of its key.

    Their values are as `path_segment` spells them.
    """
    _, _, _, stored, *folders, _ = path.split("/")
    return stored, [(column, value) for column, _, value in (folder.partition("=") for folder in folders)]


def path_segment(text: str) -> str:
    """Spell a text with letters that every file system accepts."""
    return _PLAIN.sub(lambda match: "".join(f"%{octet:02X}" for octet in match[0].encode(errors="replace")), text)[
        :_MAX_SEGMENT
    ]

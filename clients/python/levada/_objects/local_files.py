"""Files of a store that this program opens itself, because it and the server are the same user's on one machine.

The server offers them. Another server could name any file of this user, so an offer counts only if it came by a private
socket. This program may also see other disks, as in a container, so it uses only a file with the stamp that the server
told.
"""

from __future__ import annotations

import errno
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from levada._base.errors import DamagedObject
from levada._objects.direct import Source, StoreUnreachable, store_is_full

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Iterator

    from levada._base.progress import Progress
    from levada._net.connection import Connection
    from levada_api.v1 import object_pb2

_COPIED_BYTES = 16 * 2**20
"""As many bytes are copied at once without being read."""
_READ_BYTES = 2 * 2**20
"""As many bytes are read at once, and hashed while they still lie in the caches of the processor."""
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class FileUnreachable(StoreUnreachable):
    """This program does not see the server's file, or may not write it now."""


def write_local(connection: Connection, file: object_pb2.LocalFile, source: Source, progress: Progress) -> None:
    """Append the bytes of a file of an upload that have not arrived.

    Args:
        connection: The connection by which the server offered the file.

    Raises:
        FileUnreachable: The bytes must go through the server.
        LimitReached: The store is full.
    """
    with _opened(connection, file, os.O_RDWR) as descriptor, _locked(file, descriptor):
        at = os.fstat(descriptor).st_size
        progress.update(at)
        for count in _copy(source, descriptor, at):
            at += count
            progress.update(count)
        for content in source.chunks(at) if at < source.size else ():
            _write(descriptor, content, at)
            at += len(content)
            progress.update(len(content))


def read_local(connection: Connection, file: object_pb2.LocalFile, offset: int, end: int) -> Iterator[bytes]:
    """Yield the bytes of a file from an offset to the byte before `end`.

    Args:
        connection: The connection by which the server offered the file.

    Raises:
        FileUnreachable: The bytes must come through the server.
        DamagedObject: The file became shorter.
    """
    with _opened(connection, file, os.O_RDONLY) as descriptor:
        _check(file, descriptor)
        while offset < end:
            try:
                content = os.pread(descriptor, min(_READ_BYTES, end - offset), offset)
            except OSError as error:
                raise FileUnreachable from error
            if not content:
                raise DamagedObject("The object has changed in its store.")
            offset += len(content)
            yield content


@contextmanager
def _opened(connection: Connection, file: object_pb2.LocalFile, flags: int) -> Iterator[int]:
    if sys.platform == "win32" or not connection.is_private:  # no server runs on Windows
        raise FileUnreachable
    try:
        descriptor = os.open(file.path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise FileUnreachable from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _locked(file: object_pb2.LocalFile, descriptor: int) -> Iterator[None]:
    """Hold the lock of a file that is still in its place; the commit of an upload moves it under the same lock."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:  # another process writes it, or the disk has no locks
        raise FileUnreachable from error
    try:
        _check(file, descriptor)
        try:
            moved = not os.path.samestat(Path(file.path).lstat(), os.fstat(descriptor))
        except OSError as error:
            raise FileUnreachable from error
        if moved:
            raise FileUnreachable
        yield
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)  # a child that was forked meanwhile shares the descriptor


def _check(file: object_pb2.LocalFile, descriptor: int) -> None:
    found = os.fstat(descriptor)
    if file.stamp != f"{found.st_dev}:{found.st_ino}:{found.st_size}:{found.st_mtime_ns}":
        raise FileUnreachable


def _copy(source: Source, descriptor: int, at: int) -> Iterator[int]:
    """Let the system copy the file of a source, which shares its blocks where it can; yield the numbers of bytes.

    It ends before the end of the file where the system does not copy.
    """
    if source.file is None or not hasattr(os, "copy_file_range"):
        return
    with source.file.open("rb") as opened:
        while at < source.size:
            try:
                count = os.copy_file_range(opened.fileno(), descriptor, min(_COPIED_BYTES, source.size - at), at, at)
            except OSError:  # between two disks; the next attempt to write tells if one is full
                return
            if not count:
                return
            at += count
            yield count


def _write(descriptor: int, content: bytes, at: int) -> None:
    written = 0
    while written < len(content):
        try:
            written += os.pwrite(descriptor, memoryview(content)[written:], at + written)
        except OSError as error:
            if error.errno in _FULL:
                raise store_is_full() from error
            raise FileUnreachable from error

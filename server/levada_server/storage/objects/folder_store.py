"""Keep uploads, objects and registered files in a store that is a folder.

Its methods block, so they run in threads.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from levada_server.errors import (
    DamagedObject,
    InvalidRequest,
    LimitReached,
    NotFound,
    PreconditionFailed,
    Unavailable,
    UnknownObject,
)
from levada_server.model.object_names import MANAGED_FOLDER, check_path, is_managed, wrong_name
from levada_server.storage.objects.arrivals import Arrival, Arrivals, FileHash, lock
from levada_server.storage.objects.content import (
    Content,
    Scanned,
    StoredFile,
    file_content,
    files_of,
    folder_content,
    listing,
    opened_content,
    read_listing,
)
from levada_server.storage.objects.npy_header import NpyHeader, read_npy_header
from levada_server.storage.objects.owners import OWNER, read_owner
from levada_server.storage.objects.store import LocalFile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from io import BufferedReader

_STAGING = f"{MANAGED_FOLDER}/staging"
_CONTENT = "content"
_LOCAL = "local"
"""Files that programs write themselves, until the commit."""
_MARK = "mark"
_PLACE = "place"
"""Names the place to which a commit moves an upload."""
_LIST = "list"
_READ_BYTES = 2**20
_LIST_SUFFIX = ".files"
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_REPLACED = frozenset({errno.ELOOP, errno.EISDIR, errno.ENXIO})
"""The errors of opening a link, a folder or a socket in place of a file; every other error may pass."""
_READ_ONLY = 0o444
_OURS = 0o600


class FolderStore:
    """A folder on a disk of the server.

    The server's own files are under `MANAGED_FOLDER`. An upload is a folder there, named by its id, until it is
    published: moved to its place once all of it is on the disk.
    """

    write_bytes = 1
    part_uploads = None

    def __init__(self, name: str, folder: Path) -> None:
        """Open a store in a folder that exists.

        Raises:
            PreconditionFailed: The folder does not exist; perhaps its disk is not mounted.
        """
        if not folder.is_dir():
            raise PreconditionFailed(
                f"The folder {folder} of the store `{name}` does not exist; mount its disk or create it.", store=name
            )
        self.name = name
        self.folder = folder.resolve()
        self._begun = (self.folder / MANAGED_FOLDER).is_dir()
        self._arrivals = Arrivals()

    def expect_objects(self) -> None:
        """From now on, take an empty folder for that of a mount whose disk is away: the database has objects here."""
        self._begun = True

    # --------------------------------------------------------------------------------------------- uploads

    def claim(self, database: UUID) -> UUID:
        """Let the store belong to a database if it belongs to none; return the one that it belongs to."""
        self._check_there()
        place = self.folder / OWNER
        with self._writing():
            place.parent.mkdir(exist_ok=True)
            self._begun = True
            if not place.exists():
                draft = place.with_name(f"{place.name}-{uuid4().hex}")
                draft.write_text(str(database), encoding="ascii")
                _sync(draft)
                try:
                    with suppress(FileExistsError):  # another server was sooner
                        _link(draft, place)
                finally:
                    draft.unlink(missing_ok=True)
                _sync(place.parent)
            return read_owner(place.read_text(encoding="utf-8", errors="replace"), self.name)

    def is_used(self) -> bool:
        """Return whether a server has ever written into the store."""
        self._check_there()
        return self.folder.joinpath(MANAGED_FOLDER).is_dir()

    def begin(self, upload: UUID, *, folder: bool) -> None:
        """Create the folder of an upload."""
        self._check_there()
        with self._writing():
            place = self._staged(upload)
            (place if folder else place.parent).mkdir(parents=True)
            self._begun = True

    def received_bytes(self, upload: UUID, path: str) -> int:
        """Return how much of a file has arrived."""
        for place in (self._staged(upload, path), self._local(upload, path)):
            with suppress(FileNotFoundError, NotADirectoryError):
                return place.stat().st_size
        return 0

    def rewind(self, upload: UUID, path: str, offset: int) -> None:
        """Set the offset at which a file continues, and drop the bytes after it.

        Raises:
            InvalidRequest: Fewer bytes have arrived, or the path is a folder's.
            Unavailable: A program still writes the file itself.
        """
        received = self.received_bytes(upload, path)
        if not 0 <= offset <= received:
            raise InvalidRequest(
                f"{received} bytes have arrived, so the upload cannot continue at {offset}.", field="offset"
            )
        target = self._staged(upload, path)
        with self._writing():
            if path:
                target.parent.mkdir(parents=True, exist_ok=True)
            self._take_local(upload, path)
            _make_writable(target)
            with self._held(upload, changing=True) as arrival, target.open("ab") as file:
                file.truncate(offset)
                hashed = arrival.files.get(path)
                if hashed is not None and hashed.size_bytes == offset:
                    return
                if offset == 0:
                    arrival.begin(path, FileHash())
                    return
                mark = arrival.mark
            # Another process, or an earlier one, wrote them.
            hashed = _hash_of_first(target, offset)
            with self._held(upload) as arrival:
                if arrival.mark == mark:
                    arrival.begin(path, hashed)

    def write(self, upload: UUID, path: str, offset: int, content: bytes) -> None:
        """Write bytes of a file; if that fails, none of them count as arrived.

        Raises:
            LimitReached: The disk is full.
        """
        with (
            self._writing(),
            self._held(upload, changing=True) as arrival,
            self._staged(upload, path).open("r+b", buffering=0) as file,
        ):
            try:
                file.seek(offset)
                written = 0
                while written < len(content):
                    written += file.write(memoryview(content)[written:])
            except OSError:
                arrival.files.pop(path, None)
                file.truncate(offset)
                raise
            arrival.add(path, offset, content)

    def local_write(self, upload: UUID, path: str) -> LocalFile:
        """Return the file to which a program of the server's own user appends the bytes itself.

        Until the commit it lies apart: the commit moves it while nobody holds its lock, and whoever takes the lock
        later finds that the file is gone. So nobody changes bytes that are being hashed.

        Raises:
            UnknownObject: The upload is gone.
            InvalidRequest: The path is a folder's.
        """
        place, streamed = self._local(upload, path), self._staged(upload, path)
        with self._writing(), self._held(upload, changing=True) as arrival:
            place.parent.mkdir(parents=True, exist_ok=True)
            if streamed.is_file():  # its bytes came through the server, or a commit did not end
                arrival.files.pop(path, None)
                _make_writable(streamed)
                streamed.replace(place)
            descriptor = os.open(place, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, _OURS)
            try:
                return _local_file(place, descriptor)
            finally:
                os.close(descriptor)

    def content(self, upload: UUID, *, folder: bool) -> Content:
        """Return the content of an upload; files that others wrote too are read from the disk.

        Raises:
            UnknownObject: Nothing has arrived.
            Unavailable: A program still writes a file itself.
            DamagedObject: In place of a file that a program wrote itself there is something else.
        """
        place, root = self._staged(upload), self._local(upload)
        local = ["" if file == root else file.relative_to(root).as_posix() for file in files_of(root)]
        for path in local:
            self._take_local(upload, path)
        try:
            with self._held(upload) as arrival:
                mark = arrival.mark
                known = {path: (hashed.size_bytes, hashed.hexdigest()) for path, hashed in arrival.files.items()}
            # The disk works while the processor does.
            with ThreadPoolExecutor(1, "levada-sync") as disk:
                synced = disk.map(_sync, [self._staged(upload, path) for path in local])
                content = folder_content(place, known) if folder else file_content(place, known.get(""))
            with self._writing():
                list(synced)
            return replace(content, mark=mark.hex())
        except FileNotFoundError:
            raise UnknownObject("Nothing was uploaded yet; send at least a header.", object=upload) from None

    def npy_header(self, upload: UUID) -> NpyHeader:
        """Read the header of an uploaded array.

        Raises:
            WrongValue: The file is not an array that can be read without pickle.
        """
        with self._staged(upload).open("rb") as file:
            return read_npy_header(file)

    def publish(self, upload: UUID, path: str, content: Content) -> None:
        """Move an upload to its permanent place, once all of it is on the disk.

        Raises:
            LimitReached: The disk is full; nothing was moved.
            Unavailable: Somebody has written into it since its content was read; do both again.
        """
        place, target = self._staged(upload), self.folder / path
        with self._writing():
            for file in files_of(place):
                file.chmod(_READ_ONLY)
                _sync(file)
            for folder, _, _ in os.walk(place):
                _sync(Path(folder))
            with self._held(upload) as arrival:
                if content.mark != arrival.mark.hex():
                    raise Unavailable("Another call wrote into the upload during its commit; commit it again.")
                if not place.exists():  # another call was sooner
                    raise FileNotFoundError(place)
                # Whatever takes space is written first: once the content has moved, nothing more can fail for that.
                _write(place.with_name(_PLACE), path.encode())
                if content.files is not None:
                    listed = place.with_name(_LIST)
                    _write(listed, listing(content.files))
                    _move(listed, _list_of(target))
                _sync(place.parent)
                _move(place, target)
                try:
                    _sync(target.parent)
                except OSError:
                    target.replace(place)
                    raise

    def is_moved(self, upload: UUID) -> bool:
        """Return whether a commit has moved an upload, which may still be recorded there."""
        return self._moved_to(upload) is not None

    def take_over(self, upload: UUID) -> str | None:
        """Let no earlier call move an upload any more; return the place to which one has moved it.

        Raises:
            UnknownObject: The upload is gone.
        """
        with self._writing(), self._held(upload, changing=True):
            return self._moved_to(upload)

    def take_back(self, upload: UUID, path: str) -> None:
        """Move an upload back from a place, if it is there.

        Raises:
            UnknownObject: The upload is gone.
        """
        place, target = self._staged(upload), self.folder / path
        with self._writing(), self._held(upload):
            if self._moved_to(upload) != path:
                return
            with suppress(FileNotFoundError):  # somebody has removed the bytes
                target.replace(place)
                _list_of(target).unlink(missing_ok=True)
            place.with_name(_PLACE).unlink()

    def drop(self, upload: UUID, path: str) -> None:
        """Remove a file of an upload."""
        with self._writing(), self._held(upload, changing=True) as arrival:
            arrival.files.pop(path, None)
            self._staged(upload, path).unlink(missing_ok=True)
            self._local(upload, path).unlink(missing_ok=True)

    def discard(self, upload: UUID) -> None:
        """Remove what is left of an upload."""
        self._arrivals.forget(upload)
        shutil.rmtree(self._staged(upload).parent, ignore_errors=True)

    def remove(self, path: str) -> None:
        """Remove an object from its place, with folders that become empty.

        Raises:
            OSError: The object exists and cannot be removed.
            Unavailable: The disk is away.
        """
        self._check_there()
        target = self.folder / path
        if target.is_dir():
            shutil.rmtree(target)
        else:
            target.unlink(missing_ok=True)
        _list_of(target).unlink(missing_ok=True)
        for folder in target.relative_to(self.folder).parents:
            if len(folder.parts) <= 1:
                break
            try:
                (self.folder / folder).rmdir()
            except FileNotFoundError:
                continue
            except OSError:  # another object is in it
                break

    def staged(self) -> Iterator[UUID]:
        """Yield the uploads that have a folder."""
        with suppress(FileNotFoundError):
            for entry in (self.folder / _STAGING).iterdir():
                with suppress(ValueError):
                    yield UUID(hex=entry.name)

    # ----------------------------------------------------------------------------------------------- files

    def resolve(self, path: str) -> str:
        """Return the path that a path leads to by links, within the store.

        Raises:
            InvalidRequest: The path leaves the store.
        """
        real = Path(os.path.realpath(self.folder / check_path(path)))
        if not real.is_relative_to(self.folder):
            raise InvalidRequest(f"{path!r} leads out of the store `{self.name}`.", field="path", store=self.name)
        return real.relative_to(self.folder).as_posix()

    def scan(self, folder: str, after: str) -> Iterator[Scanned]:
        """Yield the files in a folder and below it, without the server's own, in byte order of their paths.

        Links and names that no path may have are yielded without a size. One folder at a time is in memory.

        Args:
            folder: The folder, with `/`; empty for the whole store.
            after: Only files whose paths come after this one.
        """
        if folder and self.resolve(folder) != folder:
            return  # it is reached by a link, and listed where that leads
        yield from _scan(self.folder / folder, f"{folder}/" if folder else "", after.encode(errors="surrogateescape"))

    def read_content(self, path: str) -> Content:
        """Read a file to its end.

        Raises:
            NotFound: The file does not exist.
        """
        with self.open(path) as file:
            return opened_content(file)

    def open(self, path: str) -> BufferedReader:
        """Open a file for reading, without following links: nobody can insert one that leads elsewhere.

        Args:
            path: The path within the store, with `/`.

        Raises:
            NotFound: The file does not exist, or a step of its path is a link.
            InvalidRequest: The path is not allowed.
            Unavailable: The disk is away.
        """
        parts = tuple(check_path(path).split("/"))
        missing = NotFound(f"The store `{self.name}` has no file {path!r}.", store=self.name)
        try:
            descriptor = _open_beneath(self.folder, parts)
        except OSError:
            self._check_there()
            raise missing from None
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise missing
        return os.fdopen(descriptor, "rb")

    def open_staged(self, upload: UUID, path: str) -> BufferedReader:
        """Open a file of an upload for reading, as far as it has arrived.

        Raises:
            NotFound: Nothing of it has arrived.
        """
        return self.open(self._staged(upload, path).relative_to(self.folder).as_posix())

    def sign_read(self, path: str) -> None:
        """Return None: all bytes pass through the server."""

    def local_read(self, path: str) -> LocalFile:
        """Return a file that programs of the server's own user read themselves.

        Raises:
            NotFound: The file does not exist, or a step of its path is a link.
        """
        with self.open(path) as file:
            return _local_file(self.folder / path, file.fileno())

    def open_listing(self, path: str) -> BufferedReader:
        """Open the list of the files of a folder that is an object.

        Raises:
            NotFound: The list is gone.
        """
        return self.open(path + _LIST_SUFFIX)

    def files(self, path: str) -> list[StoredFile]:
        """List the files of a folder that is an object.

        Raises:
            NotFound: The list is gone.
        """
        with self.open_listing(path) as lines:
            return read_listing(lines)

    # ---------------------------------------------------------------------------------------------- inside

    def _check_there(self) -> None:
        """Check that the disk is there: what is written to the folder of its mount is hidden once it is back.

        Raises:
            Unavailable: The folder is gone, or has nothing of the server any more.
        """
        ours = (self.folder / MANAGED_FOLDER).is_dir()
        self._begun = self._begun or ours
        if not (ours if self._begun else self.folder.is_dir()):
            raise Unavailable(
                f"The folder {self.folder} of the store `{self.name}` is away; perhaps its disk is not mounted.",
                store=self.name,
            )

    def _staged(self, upload: UUID, path: str = "") -> Path:
        place = self.folder / _STAGING / upload.hex / _CONTENT
        return place / check_path(path) if path else place

    def _local(self, upload: UUID, path: str = "") -> Path:
        place = self._staged(upload).with_name(_LOCAL)
        return place / check_path(path) if path else place

    def _moved_to(self, upload: UUID) -> str | None:
        """Return the place to which a commit has moved an upload; None if it is not moved."""
        place = self._staged(upload)
        if place.exists():
            return None
        try:
            return place.with_name(_PLACE).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def _take_local(self, upload: UUID, path: str) -> None:
        """Move a file that a program wrote itself, if there is one, to the files that came through the server."""
        place, target = self._local(upload, path), self._staged(upload, path)
        if not os.path.lexists(place) or place.is_dir():
            return
        with (
            self._writing(),
            suppress(FileNotFoundError),  # another call has moved it
            _whole(place),
            self._held(upload, changing=True) as arrival,
        ):
            arrival.files.pop(path, None)
            target.parent.mkdir(parents=True, exist_ok=True)
            place.replace(target)

    def _held(self, upload: UUID, *, changing: bool = False) -> AbstractContextManager[Arrival]:
        return self._arrivals.held(upload, self._staged(upload).with_name(_MARK), changing=changing)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            raise InvalidRequest("A path of the upload is a file and a folder at once.", field="path") from None
        except FileNotFoundError:
            raise UnknownObject("The upload is gone; begin another one.") from None
        except OSError as error:
            if error.errno in _FULL:
                raise LimitReached(
                    f"The store `{self.name}` is full: {os.strerror(error.errno)}. Nothing that was stored is lost. "
                    "Free some space, or ask its owner, and repeat the call.",
                    limit="store",
                    store=self.name,
                ) from error
            raise


def _hash_of_first(place: Path, count: int) -> FileHash:
    """Return the hash of the first bytes of a file."""
    hashed = FileHash()
    with place.open("rb", buffering=0) as file:
        while chunk := file.read(min(_READ_BYTES, count - hashed.size_bytes)):
            hashed.update(chunk)
    return hashed


def _make_writable(place: Path) -> None:
    """Let more bytes come into a file, if it is there: a commit that broke off has left it read-only."""
    if place.is_file():
        place.chmod(_OURS)


def _local_file(place: Path, descriptor: int) -> LocalFile:
    """Describe an open file as programs find it."""
    found = os.fstat(descriptor)
    return LocalFile(str(place), f"{found.st_dev}:{found.st_ino}:{found.st_size}:{found.st_mtime_ns}")


@contextmanager
def _whole(place: Path) -> Iterator[None]:
    """Hold the lock of a file that a program wrote itself.

    Raises:
        Unavailable: The program still writes, or the file cannot be opened now.
        DamagedObject: It is not a file, or has a second name, by which somebody could change it later.
    """
    try:
        # Network disks lock only what is open for writing.
        descriptor = os.open(place, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise
    except OSError as error:
        if error.errno in _REPLACED:
            raise _replaced() from None
        raise Unavailable(
            f"A file of the upload cannot be opened now: {error.strerror}. Commit it again later."
        ) from error
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
            raise _replaced()
        lock(descriptor, wait=False)
        yield
    except BlockingIOError:
        raise Unavailable("A program still writes a file of the upload; commit it again when it has ended.") from None
    finally:
        os.close(descriptor)


def _replaced() -> DamagedObject:
    return DamagedObject("In place of a file of the upload there is a link or something else. Upload it again.")


def _scan(place: Path, prefix: str, after: bytes) -> Iterator[Scanned]:
    """Yield the files below a folder whose paths come after some path."""
    try:
        with os.scandir(place) as entries:
            found = sorted((_key(entry), entry.is_symlink(), entry.is_file(), entry.name) for entry in entries)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return
    for key, link, file, name in found:
        path = f"{prefix}{name}"
        whole = prefix.encode(errors="surrogateescape") + key
        if (not prefix and is_managed(name)) or (
            whole <= after and not (key.endswith(b"/") and after.startswith(whole))
        ):
            continue
        if link or wrong_name(name) is not None:
            yield Scanned(path.encode(errors="replace").decode())
        elif key.endswith(b"/"):
            yield from _scan(place / name, f"{path}/", after)
        else:
            yield _scanned(path, place / name) if file else Scanned(path)


def _key(entry: os.DirEntry[str]) -> bytes:
    """Return what orders an entry among the paths of all files; that of a folder ends with `/`."""
    return os.fsencode(entry.name) + (b"/" if entry.is_dir(follow_symlinks=False) else b"")


def _scanned(path: str, place: Path) -> Scanned:
    try:
        found = place.stat()
    except OSError:  # it went since
        return Scanned(path)
    # A copy may have the time of its original.
    return Scanned(path, found.st_size, datetime.fromtimestamp(max(found.st_mtime, found.st_ctime), UTC))


def _open_beneath(folder: Path, parts: tuple[str, ...]) -> int:
    """Open a file step by step, without following links."""
    if os.open not in os.supports_dir_fd:  # Windows
        return os.open(folder.joinpath(*parts), os.O_RDONLY)
    at = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in parts[:-1]:
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at)
            os.close(at)
            at = inner
        # Opening a pipe would wait for a writer.
        return os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=at)
    finally:
        os.close(at)


def _list_of(target: Path) -> Path:
    """Return the place of the list of a folder's files."""
    return target.with_name(target.name + _LIST_SUFFIX)


def _write(place: Path, content: bytes) -> None:
    """Write a file through to the disk."""
    with place.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _move(place: Path, target: Path) -> None:
    """Move to a place whose folders may be missing; `remove` may meanwhile remove a folder made here as empty."""
    while place.exists():
        with suppress(FileNotFoundError):
            target.parent.mkdir(parents=True, exist_ok=True)
            place.replace(target)
            return
    raise FileNotFoundError(place)


def _link(draft: Path, place: Path) -> None:
    """Link a whole file to its name, unless another has it."""
    try:
        os.link(draft, place)
    except FileExistsError:
        raise
    except OSError:  # some network disks have no links
        with place.open("xb") as file:
            file.write(draft.read_bytes())
            file.flush()
            os.fsync(file.fileno())


def _sync(path: Path) -> None:
    """Write a file or folder through to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""Every kind of store by its protocol: what is sent, signed, lost, changed, given up, and out of reach."""

from __future__ import annotations

import datetime as dt
import errno
import hashlib
import http.client
import os
import socket
import threading
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from blake3 import blake3

from levada_server.errors import (
    DamagedObject,
    InvalidRequest,
    LimitReached,
    NotFound,
    PreconditionFailed,
    Unavailable,
    UnknownObject,
)
from levada_server.storage.objects import bucket_settings, folder_store, signed_requests
from levada_server.storage.objects import content as content_module
from levada_server.storage.objects.bucket_settings import BucketKind, BucketSettings
from levada_server.storage.objects.storage import StoreFolders, open_stores
from tests.support.bucket_services import SERVICES
from tests.support.objects import EVERY_BUCKET, EVERY_STORE, put_file, stored_files
from tests.support.small_disk import small_disk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from levada_server.storage.objects.store import PartUploads, SignedRequest, Store

MIB = 2**20
PLACE = "_levada/attach/00/a b%.bin"
LATER = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)


@pytest.fixture
def store(store_folders: StoreFolders) -> Store:
    return open_stores(store_folders)["main"]


def write(store: Store, upload: UUID, path: str, *pieces: bytes) -> None:
    store.rewind(upload, path, 0)
    offset = 0
    for piece in pieces:
        store.write(upload, path, offset, piece)
        offset += len(piece)


def send(request: SignedRequest, body: bytes = b"", method: str = "", **headers: str) -> int:
    """Send a signed request, as somebody who has no key; return the status of the answer."""
    parts = urlsplit(request.url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=20)
    try:
        sent = {**request.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if not body:
            sent.pop("content-length", None)
        connection.request(method or request.method, f"{parts.path}?{parts.query}", body, sent)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


def signed(parts: PartUploads, upload: UUID, token: str, number: int, content: bytes) -> SignedRequest:
    md5 = hashlib.md5(content, usedforsecurity=False).digest()
    return parts.sign(upload, PLACE, token, number=number, size_bytes=len(content), md5=md5)


@EVERY_STORE
def test_an_upload_becomes_a_file_at_its_place(store: Store, store_folders: StoreFolders) -> None:
    upload, pieces = uuid4(), [os.urandom(5 * MIB), os.urandom(6 * MIB), b"end"]
    store.begin(upload, folder=False)
    write(store, upload, "", *pieces)
    assert store.received_bytes(upload, "") == 11 * MIB + 3
    store.rewind(upload, "", 6 * MIB)
    store.write(upload, "", 6 * MIB, b"another end")
    assert list(store.staged()) == [upload]
    content = store.content(upload, folder=False)
    store.publish(upload, PLACE, content)
    store.discard(upload)
    whole = b"".join(pieces)[: 6 * MIB] + b"another end"
    with store.open(PLACE) as file:
        assert file.read() == whole
        assert (file.seek(-11, os.SEEK_END), file.read(7)) == (6 * MIB, b"another")
    assert len(stored_files(store_folders)) == 1
    store.remove(PLACE)
    store.remove(PLACE)
    assert stored_files(store_folders) == []
    with pytest.raises(NotFound):
        store.open(PLACE)


@EVERY_STORE
def test_an_upload_that_changes_during_its_commit_is_not_published(store: Store, store_folders: StoreFolders) -> None:
    """Its hash would be that of other bytes, which could then be shared as the content that they are not."""
    upload = uuid4()
    store.begin(upload, folder=False)
    write(store, upload, "", b"content")
    content = store.content(upload, folder=False)
    store.write(upload, "", 0, b"another content")
    with pytest.raises(Unavailable, match="during its commit"):
        store.publish(upload, PLACE, content)
    with pytest.raises(NotFound):
        store.open(PLACE)
    content = store.content(upload, folder=False)
    assert content.hash == blake3(b"another content").hexdigest()
    store.publish(upload, PLACE, content)
    store.discard(upload)
    with store.open(PLACE) as file:
        assert file.read() == b"another content"
    assert len(stored_files(store_folders)) == 1


def test_bytes_are_hashed_as_they_arrive(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    upload, pieces = uuid4(), [os.urandom(3 * MIB), os.urandom(MIB)]
    store.begin(upload, folder=True)
    write(store, upload, "a/b", *pieces)
    write(store, upload, "empty")
    store.rewind(upload, "a/b", 4 * MIB)  # a broken connection is back
    store.write(upload, "a/b", 4 * MIB, b"end")

    def read_again(_: object) -> None:
        raise AssertionError("a file was read again")

    monkeypatch.setattr(content_module, "_hash_of", read_again)
    content = store.content(upload, folder=True)
    assert content.files is not None
    whole = blake3(b"".join([*pieces, b"end"])).hexdigest()
    assert [(file.path, file.size_bytes, file.hash) for file in content.files] == [
        ("a/b", 4 * MIB + 3, whole),
        ("empty", 0, blake3(b"").hexdigest()),
    ]


def test_bytes_that_another_process_wrote_are_hashed_too(store_folders: StoreFolders) -> None:
    """Each process has its own hashes; the one that commits must know what is in the file."""
    first, second = (open_stores(store_folders)["main"] for _ in range(2))
    upload = uuid4()
    first.begin(upload, folder=False)
    write(first, upload, "", b"one ", b"two ")
    second.rewind(upload, "", 4)
    second.write(upload, "", 4, b"three")
    for store in (first, second):
        assert store.content(upload, folder=False).hash == blake3(b"one three").hexdigest()
    second.write(upload, "", 0, b"ONE")
    first.rewind(upload, "", 9)
    first.write(upload, "", 9, b"!")
    second.write(upload, "", 4, b"THREE")  # after all, while the first process has its hash
    for store in (first, second):
        assert store.content(upload, folder=False).hash == blake3(b"ONE THREE!").hexdigest()


def test_bytes_after_a_gap_or_before_the_end_are_hashed_with_the_rest(store: Store) -> None:
    upload = uuid4()
    store.begin(upload, folder=False)
    write(store, upload, "", b"0123456789")
    store.write(upload, "", 3, b"xyz")
    assert store.content(upload, folder=False).hash == blake3(b"012xyz6789").hexdigest()
    store.rewind(upload, "", 5)
    store.write(upload, "", 5, b"end")
    assert store.content(upload, folder=False).hash == blake3(b"012xyend").hexdigest()


def test_a_file_that_a_program_writes_itself_goes_on_either_way(store: Store, store_folders: StoreFolders) -> None:
    upload = uuid4()
    store.begin(upload, folder=True)
    write(store, upload, "a/b", b"one ")
    for text in (b"two ", b"three "):
        local = store.local_write(upload, "a/b")
        assert local is not None
        with Path(local.path).open("ab") as file:
            file.write(text)
    size = store.received_bytes(upload, "a/b")
    assert size == len(b"one two three ")
    store.rewind(upload, "a/b", size)
    store.write(upload, "a/b", size, b"four")
    files = store.content(upload, folder=True).files
    assert files is not None
    assert [file.hash for file in files] == [blake3(b"one two three four").hexdigest()]
    assert store.local_write(upload, "a/b") is not None  # a commit that did not end
    assert store.local_write(upload, "c") is not None
    content = store.content(upload, folder=True)
    store.publish(upload, PLACE, content)
    store.discard(upload)
    assert [file.path for file in store.files(PLACE)] == ["a/b", "c"]
    assert len(stored_files(store_folders)) == 3


def test_an_upload_whose_commit_broke_off_goes_on_either_way(
    store: Store, store_folders: StoreFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit makes files read-only; root opens them for writing all the same, so the modes are compared."""
    upload = uuid4()
    store.begin(upload, folder=False)
    write(store, upload, "", b"one ")

    def break_off(*_: object) -> None:
        raise OSError(errno.EIO, "")

    staged = store_folders.folders["main"] / "_levada/staging" / upload.hex
    with monkeypatch.context() as patch:
        patch.setattr(folder_store, "_move", break_off)
        for text in (b"two ", b"three "):
            with pytest.raises(OSError, match="5"):
                store.publish(upload, PLACE, store.content(upload, folder=False))
            assert (staged / "content").stat().st_mode & 0o777 == 0o444
            size = store.received_bytes(upload, "")
            store.rewind(upload, "", size)
            assert (staged / "content").stat().st_mode & 0o777 == 0o600
            store.write(upload, "", size, text)
        with pytest.raises(OSError, match="5"):
            store.publish(upload, PLACE, store.content(upload, folder=False))
    local = store.local_write(upload, "")
    assert local is not None
    assert Path(local.path).stat().st_mode & 0o777 == 0o600
    assert store.content(upload, folder=False).hash == blake3(b"one two three ").hexdigest()


def test_a_folder_for_whose_list_the_disk_lacks_space_can_be_published_later(
    store_folders: StoreFolders, tmp_path: Path
) -> None:
    disk = store_folders.folders["main"]
    with small_disk(disk, 1) as mounted:
        if not mounted:
            pytest.skip("a small disk needs root on Linux")
        store, upload = open_stores(store_folders)["main"], uuid4()
        store.begin(upload, folder=True)
        names = [f"{number:03d}{'x' * 200}" for number in range(20)]  # the list takes two pages
        for name in names:
            write(store, upload, name)
        content = store.content(upload, folder=True)
        filling = disk / "filling"
        with filling.open("wb", buffering=0) as file, suppress(OSError):
            while file.write(bytes(4096)):
                pass
        for _ in range(2):
            with pytest.raises(LimitReached, match=r"Nothing that was stored is lost\. Free some space"):
                store.publish(upload, PLACE, content)
        assert not store.is_moved(upload)
        filling.unlink()
        store.publish(upload, PLACE, content)
        assert [file.path for file in store.files(PLACE)] == names
        assert store.is_moved(upload)


def test_a_published_upload_is_taken_back_from_its_place_alone(store: Store, store_folders: StoreFolders) -> None:
    """Any number of calls may take it back, however late."""
    upload, other = uuid4(), open_stores(store_folders)["main"]
    store.begin(upload, folder=False)
    write(store, upload, "", b"content")
    assert store.take_over(upload) is None
    store.publish(upload, PLACE, store.content(upload, folder=False))
    assert [one.take_over(upload) for one in (store, other)] == [PLACE, PLACE]
    for one in (store, other):
        one.take_back(upload, PLACE)
    content = store.content(upload, folder=False)
    assert content.size_bytes == len(b"content")
    assert other.take_over(upload) is None
    with pytest.raises(Unavailable):
        store.publish(upload, PLACE, content)
    store.publish(upload, f"{PLACE}-2", store.content(upload, folder=False))
    other.take_back(upload, PLACE)
    assert other.is_moved(upload)
    with store.open(f"{PLACE}-2") as file:
        assert file.read() == b"content"
    store.discard(upload)
    with pytest.raises(UnknownObject):
        store.take_over(upload)


def test_a_folder_that_its_disk_refuses_after_all_is_back(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    upload, sync = uuid4(), folder_store._sync  # noqa: SLF001  # no disk fails just then

    def full(path: Path) -> None:
        if "staging" not in path.parts:
            raise OSError(errno.ENOSPC, "")
        sync(path)

    store.begin(upload, folder=True)
    write(store, upload, "a", b"content")
    content = store.content(upload, folder=True)
    with monkeypatch.context() as patch:
        patch.setattr(folder_store, "_sync", full)
        with pytest.raises(LimitReached):
            store.publish(upload, PLACE, content)
    store.publish(upload, PLACE, content)
    with store.open(f"{PLACE}/a") as file:
        assert file.read() == b"content"


@pytest.mark.parametrize("number", [errno.EMFILE, errno.EIO, errno.ESTALE, errno.EACCES])
def test_a_file_that_cannot_be_opened_for_a_moment_stays(
    store: Store, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    upload, real = uuid4(), os.open
    store.begin(upload, folder=False)
    local = store.local_write(upload, "")
    assert local is not None
    Path(local.path).write_bytes(b"content")

    def fail(path: str | Path, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if str(path) == local.path:
            raise OSError(number, os.strerror(number))
        return real(path, flags, mode, dir_fd=dir_fd)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", fail)
        with pytest.raises(Unavailable, match=os.strerror(number)):
            store.content(upload, folder=False)
    assert store.content(upload, folder=False).hash == blake3(b"content").hexdigest()


@pytest.mark.parametrize(("first", "second"), [("a", "a/b"), ("a/b", "a")])
def test_a_file_that_a_program_writes_itself_is_no_folder(store: Store, first: str, second: str) -> None:
    upload = uuid4()
    store.begin(upload, folder=True)
    assert store.local_write(upload, first) is not None
    with pytest.raises(InvalidRequest, match="file and a folder at once"):
        store.local_write(upload, second)
    write(store, upload, second, b"content")
    with pytest.raises(InvalidRequest, match="file and a folder at once"):
        store.content(upload, folder=True)
    store.discard(upload)
    with pytest.raises(UnknownObject):
        store.local_write(upload, first)


@EVERY_STORE
def test_keys_are_the_paths_of_posix(store: Store, store_folders: StoreFolders) -> None:
    upload = uuid4()
    store.begin(upload, folder=True)
    for path in ("a/b.bin", "a b%", "é"):
        write(store, upload, path, path.encode())
    content = store.content(upload, folder=True)
    assert content.files is not None
    assert [file.path for file in content.files] == ["a b%", "a/b.bin", "é"]
    store.publish(upload, "_levada/object/x=1", content)
    store.discard(upload)
    assert store.files("_levada/object/x=1") == list(content.files)
    found = {"/".join(file.parts).partition("_levada/object/")[2] for file in stored_files(store_folders)}
    assert found == {"x=1/a b%", "x=1/a/b.bin", "x=1/é", "x=1.files"}
    for path in ("a\\b", "..\\a", "C:\\a", "a/../b", "/a"):
        with pytest.raises(InvalidRequest):
            store.received_bytes(upload, path)
        with pytest.raises(InvalidRequest):
            store.open(path)
    store.remove("_levada/object/x")  # another object, whose path begins alike
    assert len(stored_files(store_folders)) == 4
    store.remove("_levada/object/x=1")
    assert stored_files(store_folders) == []


@EVERY_BUCKET
def test_a_path_in_a_bucket_has_at_most_1024_bytes(store: Store) -> None:
    with pytest.raises(InvalidRequest, match="at most 1024 bytes"):
        store.rewind(uuid4(), "/".join(["x" * 200] * 6), 0)


@EVERY_BUCKET
def test_parts_that_clients_send_become_a_file(store: Store, store_folders: StoreFolders) -> None:
    parts, upload, contents = store.part_uploads, uuid4(), [os.urandom(5 * MIB), b"rest"]
    assert parts is not None
    token = parts.begin(upload, PLACE)
    assert parts.parts(upload, PLACE, token) == []
    for number, content in ((2, contents[1]), (1, contents[0]), (1, contents[0])):  # one was sent again
        assert send(signed(parts, upload, token, number, content), content) in (200, 201)
    with pytest.raises(NotFound):  # nobody sees it before it is complete
        store.open(PLACE)
    arrived = parts.parts(upload, PLACE, token)
    assert [(part.number, part.size_bytes) for part in arrived] == [(1, 5 * MIB), (2, 4)]
    assert parts.complete(upload, PLACE, token, arrived) == 5 * MIB + 4
    assert parts.complete(upload, PLACE, token, arrived) == 5 * MIB + 4  # an answer may be lost
    late = os.urandom(5 * MIB)
    send(signed(parts, upload, token, 1, late), late)
    with store.open(PLACE) as file:
        assert file.read() == b"".join(contents)
    parts.abort(upload, PLACE, token)
    store.discard(upload)
    assert len(stored_files(store_folders)) == 1


@EVERY_BUCKET
def test_a_signed_request_is_for_one_thing(store: Store, store_folders: StoreFolders) -> None:
    parts, upload, content = store.part_uploads, uuid4(), b"content"
    assert parts is not None
    put_file(store_folders, "main", "mine.bin", b"mine")
    token = parts.begin(upload, PLACE)
    request = signed(parts, upload, token, 1, content)
    path = urlsplit(request.url).path
    other = replace(request, url=request.url.replace(path, f"{path.rpartition('/')[0]}/other.bin"))
    assert send(request, b"c0ntent") == 400  # the store compares it with the checksum
    assert send(request, method="GET") in (403, 404)
    assert send(request, method="DELETE") in (403, 404)
    assert send(other, content) == 403
    reading = store.sign_read("mine.bin")
    assert reading is not None
    assert send(reading) == 200
    assert send(reading, b"yours", "PUT", x_ms_blob_type="BlockBlob") == 403
    assert send(reading, method="DELETE") == 403
    assert parts.parts(upload, PLACE, token) == []
    for one in (request, reading):
        query = {name: values[0] for name, values in parse_qs(urlsplit(one.url).query).items()}
        if "X-Amz-Expires" in query:
            assert int(query["X-Amz-Expires"]) == 15 * 60
        else:
            left = dt.datetime.fromisoformat(query["se"]) - dt.datetime.now(dt.UTC)
            assert left <= dt.timedelta(minutes=15)
        assert one.url not in repr(one)
    parts.abort(upload, PLACE, token)


@pytest.mark.parametrize("store_folders", ["s3"], indirect=True)
def test_the_signature_holds_the_checksum_and_the_number(store: Store) -> None:
    parts, upload, content = store.part_uploads, uuid4(), b"content"
    assert parts is not None
    token = parts.begin(upload, PLACE)
    request = signed(parts, upload, token, 1, content)
    assert send(replace(request, headers={}), content) == 403
    assert send(replace(request, url=request.url.replace("partNumber=1", "partNumber=2")), content) == 403
    assert send(replace(request, url=request.url.replace("Expires=900", "Expires=9000")), content) == 403
    parts.abort(upload, PLACE, token)


@pytest.mark.parametrize("store_folders", ["s3"], indirect=True)
def test_a_file_that_was_given_up_takes_no_more_parts(store: Store, store_folders: StoreFolders) -> None:
    parts, upload, content = store.part_uploads, uuid4(), b"content"
    assert parts is not None
    token = parts.begin(upload, PLACE)
    request = signed(parts, upload, token, 1, content)
    assert list(parts.begun(LATER)) == [(PLACE, token)]
    assert list(parts.begun(LATER - dt.timedelta(days=2))) == []
    parts.abort(upload, PLACE, token)
    parts.abort(upload, PLACE, token)
    assert list(parts.begun(LATER)) == []
    assert send(request, content) == 404
    with pytest.raises(UnknownObject):
        parts.parts(upload, PLACE, token)
    with pytest.raises(UnknownObject):
        parts.complete(upload, PLACE, token, [])
    assert stored_files(store_folders) == []


@EVERY_BUCKET
def test_a_file_that_is_replaced_during_a_read_is_told(store: Store, store_folders: StoreFolders) -> None:
    stored = put_file(store_folders, "main", "mine.bin", bytes(9 * MIB))
    with store.open("mine.bin") as file:
        assert file.read(10) == bytes(10)
        stored.write_bytes(b"x" * 9 * MIB)
        with pytest.raises(DamagedObject, match="replaced or removed meanwhile"):
            file.read()


# ------------------------------------------------------------------------------------------- stores that fail


@contextmanager
def answering(answer: bytes | None) -> Iterator[str]:
    """Listen, and give each request the same answer, or none; yield the address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        kept = []

        def accept() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                kept.append(client)
                if answer is not None:
                    client.recv(2**16)
                    client.sendall(answer)
                    client.close()

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        for client in kept:
            client.close()


def failing(kind: BucketKind, endpoint: str) -> Store:
    secret = "c2VjcmV0"  # of Azure's form
    settings = BucketSettings(kind, "lab", endpoint=endpoint, account="a", key_id="id", secret=secret)
    return open_stores(StoreFolders(buckets={"main": settings}))["main"]


@pytest.mark.parametrize("kind", [service.kind for service in SERVICES.values()])
@pytest.mark.parametrize(
    ("answer", "error", "told"),
    [
        (None, Unavailable, "does not answer"),
        # As SeaweedFS and Azurite answer when their disk is full.
        (b"HTTP/1.1 500 Internal\r\ncontent-length: 0\r\n\r\n", Unavailable, "runs and has space"),
        (b"HTTP/1.1 507 Insufficient Storage\r\ncontent-length: 0\r\n\r\n", LimitReached, "is full"),
        (
            b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n",
            PreconditionFailed,
            "refuses the server's credentials",
        ),
    ],
)
def test_a_store_that_is_slow_full_or_refuses_is_told(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    kind: BucketKind,
    answer: bytes | None,
    error: type[Exception],
    told: str,
) -> None:
    monkeypatch.setattr(bucket_settings, "_REQUEST_SECONDS", 0.2)
    monkeypatch.setattr(bucket_settings, "_RETRIES", 0)
    monkeypatch.setattr(signed_requests, "_SECONDS", 0.2)
    with answering(answer) as endpoint:
        store = failing(kind, endpoint)
        with pytest.raises(error, match=f"The store `main` .*{told}"):
            store.write(uuid4(), "", 0, b"content")
        assert store.part_uploads is not None
        with pytest.raises(error, match=f"The store `main` .*{told}"):
            store.part_uploads.parts(uuid4(), PLACE, "token")
    assert "Signature" not in caplog.text
    assert "sig=" not in caplog.text


@pytest.mark.parametrize("kind", [service.kind for service in SERVICES.values()])
def test_a_store_that_is_down_is_told(monkeypatch: pytest.MonkeyPatch, kind: BucketKind) -> None:
    monkeypatch.setattr(bucket_settings, "_RETRIES", 0)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
    store = failing(kind, endpoint)
    with pytest.raises(Unavailable, match="The store `main` does not answer"):
        store.open(PLACE)
    assert store.part_uploads is not None
    with pytest.raises(Unavailable, match="The store `main` does not answer"):
        store.part_uploads.parts(uuid4(), PLACE, "token")


def test_settings_do_not_show_their_key(tmp_path: Path) -> None:
    settings = BucketSettings(BucketKind.S3, "lab", key_id="the id", secret="the secret")
    assert "the" not in repr(settings)


@pytest.mark.parametrize("left", [True, False])
def test_a_folder_whose_disk_is_away_is_told(store: Store, store_folders: StoreFolders, left: bool) -> None:
    upload, folder = uuid4(), store_folders.folders["main"]
    store.begin(upload, folder=False)
    write(store, upload, "", b"content")
    store.publish(upload, PLACE, store.content(upload, folder=False))
    disk = folder.rename(folder.with_name("disk"))
    if left:
        folder.mkdir()  # on which it was mounted
    with pytest.raises(Unavailable, match="perhaps its disk is not mounted"):
        store.begin(uuid4(), folder=False)
    with pytest.raises(Unavailable, match="perhaps its disk is not mounted"):
        store.open(PLACE)
    with pytest.raises(Unavailable, match="perhaps its disk is not mounted"):
        store.remove(PLACE)
    assert list(folder.glob("*")) == []
    if left:
        folder.rmdir()
    disk.rename(folder)
    with store.open(PLACE) as file:
        assert file.read() == b"content"

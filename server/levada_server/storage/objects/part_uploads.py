"""Uploads in parts that clients send to a bucket themselves: multipart uploads of S3, and blocks of Azure."""

from __future__ import annotations

import datetime as dt
from base64 import b64decode, b64encode
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import obstore
from blake3 import blake3

from levada_server.errors import DamagedObject, UnknownObject
from levada_server.model.object_names import MANAGED_FOLDER
from levada_server.storage.objects.bucket_errors import told_of
from levada_server.storage.objects.bucket_settings import open_bucket
from levada_server.storage.objects.signed_requests import Signer, send
from levada_server.storage.objects.store import URL_SECONDS, Part, SignedRequest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from uuid import UUID

    from levada_server.storage.objects.bucket_settings import BucketSettings

_OWN_SECONDS = 60
_ENDED = "The upload of this file has ended: it is complete, or was given up. Begin another."


class S3PartUploads:
    """Multipart uploads of S3; a file lies at its final path, but nobody sees it before it is complete."""

    def __init__(self, store: str, settings: BucketSettings) -> None:
        self._store = store
        self._settings = settings
        self._signer = Signer(settings.region, settings.key_id, settings.secret)
        self._bucket = open_bucket(settings)

    def begin(self, upload: UUID, path: str) -> str:
        """Begin a file; the token is the id of the multipart upload."""
        answer = self._ask("POST", path, {"uploads": ""})
        return _text(answer, "UploadId")

    def sign(self, upload: UUID, path: str, token: str, *, number: int, size_bytes: int, md5: bytes) -> SignedRequest:
        """Sign the request that sends a part."""
        query = {"partNumber": str(number), "uploadId": token}
        headers = {"content-length": str(size_bytes), "content-md5": b64encode(md5).decode()}
        url = self._signer.sign("PUT", self._url(path), query, headers, seconds=URL_SECONDS)
        return SignedRequest("PUT", url, headers)

    def parts(self, upload: UUID, path: str, token: str) -> list[Part]:
        """List the parts that have arrived, by number.

        Raises:
            UnknownObject: The file is complete, or was given up.
        """
        found: dict[int, Part] = {}
        marker = "0"
        while True:
            try:
                answer = self._ask("GET", path, {"uploadId": token, "part-number-marker": marker})
            except FileNotFoundError:
                raise UnknownObject(_ENDED, object=upload) from None
            for one in _all(answer, "Part"):
                number = int(_text(one, "PartNumber"))
                found[number] = Part(number, int(_text(one, "Size")), _text(one, "ETag"))
            if _text(answer, "IsTruncated") != "true":
                return [found[number] for number in sorted(found)]
            marker = _text(answer, "NextPartNumberMarker")

    def complete(self, upload: UUID, path: str, token: str, parts: Collection[Part]) -> int:
        """Join the parts.

        Raises:
            DamagedObject: The store has other parts, or joined them to something else.
        """
        listed = "".join(
            f"<Part><PartNumber>{part.number}</PartNumber><ETag>{escape(part.tag)}</ETag></Part>" for part in parts
        )
        body = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
        try:
            answer = self._ask("POST", path, {"uploadId": token}, body)
            with told_of(self._store):
                found = obstore.head(self._bucket, path)
        except FileNotFoundError:
            raise UnknownObject(_ENDED, object=upload) from None
        if (found["e_tag"] or "").strip('"') != _text(answer, "ETag").strip('"'):
            raise DamagedObject(f"The store `{self._store}` has another file in the upload's place.", object=upload)
        return found["size"]

    def abort(self, upload: UUID, path: str, token: str) -> None:
        """Abort a file."""
        with suppress(FileNotFoundError):
            self._ask("DELETE", path, {"uploadId": token})

    def begun(self, before: dt.datetime) -> Iterator[tuple[str, str]]:
        """Yield the path and the token of each file that began before some time and is not complete."""
        first = {"uploads": "", "prefix": f"{self._settings.key_prefix}{MANAGED_FOLDER}/"}
        query = first
        while True:
            answer = self._ask("GET", None, query)
            for one in _all(answer, "Upload"):
                if dt.datetime.fromisoformat(_text(one, "Initiated")) < before:
                    yield _text(one, "Key").removeprefix(self._settings.key_prefix), _text(one, "UploadId")
            if _text(answer, "IsTruncated") != "true":
                return
            query = {
                **first,
                "key-marker": _text(answer, "NextKeyMarker"),
                "upload-id-marker": _text(answer, "NextUploadIdMarker"),
            }

    def _url(self, path: str | None) -> str:
        return self._settings.url if path is None else f"{self._settings.url}/{self._settings.key_prefix}{path}"

    def _ask(self, method: str, path: str | None, query: dict[str, str], body: bytes = b"") -> ElementTree.Element:
        url = self._signer.sign(method, self._url(path), query, {}, seconds=_OWN_SECONDS)
        return _parsed(send(self._store, method, url, body))


class AzurePartUploads:
    """Blocks of Azure.

    The address of a block lets its owner write any block of the same file for a while. So the blocks become a file
    among the uploads, and are copied to the final path.
    """

    def __init__(self, store: str, settings: BucketSettings) -> None:
        self._store = store
        self._bucket = open_bucket(settings)

    def begin(self, upload: UUID, path: str) -> str:
        """Begin a file; the token is its place among the uploads."""
        return f"{MANAGED_FOLDER}/staging/{upload.hex}/parts/{blake3(path.encode()).hexdigest()}"

    def sign(self, upload: UUID, path: str, token: str, *, number: int, size_bytes: int, md5: bytes) -> SignedRequest:
        """Sign the request that sends a block."""
        query = f"comp=block&blockid={quote(_block(number), safe='')}"
        headers = {"content-length": str(size_bytes), "content-md5": b64encode(md5).decode()}
        return SignedRequest("PUT", f"{self._sign('PUT', token)}&{query}", headers)

    def parts(self, upload: UUID, path: str, token: str) -> list[Part]:
        """List the blocks that have arrived, by number."""
        try:
            answer = _parsed(send(self._store, "GET", f"{self._sign('GET', token)}&comp=blocklist&blocklisttype=all"))
        except FileNotFoundError:
            return []
        found = {}
        for kind in ("CommittedBlocks", "UncommittedBlocks"):
            for one in _all(answer, kind):
                for block in _all(one, "Block"):
                    name = _text(block, "Name")
                    number = int(b64decode(name))
                    found[number] = Part(number, int(_text(block, "Size")), name)
        return [found[number] for number in sorted(found)]

    def complete(self, upload: UUID, path: str, token: str, parts: Collection[Part]) -> int:
        """Join the blocks, and copy them to the final path.

        Raises:
            DamagedObject: The store joined them to something else.
        """
        listed = "".join(f"<Latest>{escape(part.tag)}</Latest>" for part in parts)
        body = f'<?xml version="1.0" encoding="utf-8"?><BlockList>{listed}</BlockList>'.encode()
        headers = {"content-type": "application/xml"}
        try:
            send(self._store, "PUT", f"{self._sign('PUT', token)}&comp=blocklist", body, headers)
            with told_of(self._store):
                obstore.copy(self._bucket, token, path)
                return obstore.head(self._bucket, path)["size"]
        except FileNotFoundError:
            raise UnknownObject(_ENDED, object=upload) from None

    def abort(self, upload: UUID, path: str, token: str) -> None:
        """Abort a file; Azure itself removes blocks after a week that never became a file."""
        with suppress(FileNotFoundError), told_of(self._store):
            obstore.delete(self._bucket, token)

    def begun(self, before: dt.datetime) -> Iterator[tuple[str, str]]:
        """Yield nothing: Azure removes such blocks itself."""
        return iter(())

    def _sign(self, method: Literal["GET", "PUT"], path: str) -> str:
        with told_of(self._store):
            return obstore.sign(self._bucket, method, path, timedelta(seconds=URL_SECONDS))


def _block(number: int) -> str:
    """Return the name of a block; all names of a file have the same length."""
    return b64encode(b"%08d" % number).decode()


def _parsed(answer: bytes) -> ElementTree.Element:
    return ElementTree.fromstring(answer) if answer else ElementTree.Element("nothing")


def _all(element: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return element.findall(f"{{*}}{name}")


def _text(element: ElementTree.Element, name: str) -> str:
    return element.findtext(f"{{*}}{name}") or ""

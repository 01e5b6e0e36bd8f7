"""Archives that outlive us: a BagIt folder, described by RO-Crate metadata.

Sources: RFC 8493, "The BagIt File Packaging Format"; RO-Crate Metadata Specification 1.1.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from mimetypes import guess_type
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from levada._base.errors import DamagedObject, InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

DATA = "data"
"""The folder of the payload."""
CRATE = "ro-crate-metadata.json"
_MANIFEST = "manifest-sha256.txt"
_TAG_MANIFEST = "tagmanifest-sha256.txt"
_TAGS = ("bag-info.txt", "bagit.txt", _MANIFEST)
_BLOCK_BYTES = 2**20
_MEDIA_TYPES = {".parquet": "application/vnd.apache.parquet", ".json": "application/json"}


def write_bag(folder: Path, *, description: str) -> None:
    """Make a folder whose payload is in `data` a bag: list each file with its SHA-256.

    Args:
        description: One line about it.
    """
    files = sorted(_files(folder / DATA))
    sizes = [file.stat().st_size for file in files]
    today = datetime.now(UTC).date().isoformat()
    _put(folder / "bagit.txt", ["BagIt-Version: 1.0", "Tag-File-Character-Encoding: UTF-8"])
    info = {"Bagging-Date": today, "External-Description": description, "Payload-Oxum": f"{sum(sizes)}.{len(files)}"}
    _put(folder / "bag-info.txt", [f"{name}: {value}" for name, value in info.items()])
    _put(folder / _MANIFEST, _digests(folder, files))
    _put(folder / _TAG_MANIFEST, _digests(folder, [folder / name for name in _TAGS]))


def check_bag(folder: Path) -> None:
    """Check that each file of a bag is there and whole, and that there is no other.

    Raises:
        InvalidRequest: The folder is not a bag.
        DamagedObject: A file is missing, has other bytes, or is not on the list.
    """
    try:
        listed = _read_manifest(folder / _TAG_MANIFEST) | (payload := _read_manifest(folder / _MANIFEST))
    except OSError as error:
        raise InvalidRequest(
            f"{folder} is not an archive of Levada: {error.filename} cannot be read: {error.strerror}."
        ) from None
    for place, digest in listed.items():
        file = folder / place
        if not is_within(file, folder):
            raise DamagedObject(f"{folder} lists {place!r}, which is not in it.")
        if not file.is_file():
            raise DamagedObject(f"{file} is missing; copy the archive again.")
        if _sha256(file) != digest:
            raise DamagedObject(f"{file} has other bytes than the archive lists; copy the archive again.")
    there = {file.relative_to(folder).as_posix() for file in _files(folder / DATA)}
    if strange := sorted(there - payload.keys()):
        raise DamagedObject(f"{folder / strange[0]} is not on the list of the archive.")


@dataclass(frozen=True)
class About:
    """The facts about an archive that its metadata have.

    Args:
        name: Its name.
        description: A sentence about it.
        authors: Their names.
        licence: The address of the licence; empty if there is none.
    """

    name: str
    description: str
    authors: Sequence[str] = ()
    licence: str = ""


def is_within(file: Path, folder: Path) -> bool:
    """Return whether a path stays in a folder, whatever links and names there are on the way."""
    try:
        return file.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):  # links in a circle, or a name that is none
        return False


def write_crate(root: Path, whole: About, *, files_about: Mapping[str, str], software: str) -> None:
    """Describe the files of a folder, each with its size and a sentence, as RO-Crate metadata.

    Args:
        files_about: Sentences about files, by their path with `/`.
        software: The version of Levada that wrote it.
    """
    authors = [
        {"@id": f"#author-{number}", "@type": "Person", "name": name} for number, name in enumerate(whole.authors, 1)
    ]
    licence = {"@type": "CreativeWork", "@id": whole.licence or "#licence", "name": whole.licence or "No licence"}
    if not whole.licence:
        licence["description"] = "The export named none; ask the authors before you use it."
    files = sorted(file.relative_to(root).as_posix() for file in _files(root) if file.name != CRATE)
    graph: list[dict[str, Any]] = [  # Any: JSON
        {
            "@id": CRATE,
            "@type": "CreativeWork",
            "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"},
            "about": {"@id": "./"},
        },
        {
            "@id": "./",
            "@type": "Dataset",
            "name": whole.name,
            "description": whole.description,
            "datePublished": datetime.now(UTC).date().isoformat(),
            "license": {"@id": licence["@id"]},
            **({"author": [{"@id": author["@id"]} for author in authors]} if authors else {}),
            "hasPart": [{"@id": _id(file)} for file in files],
        },
        licence,
        *authors,
        {"@id": "#levada", "@type": "SoftwareApplication", "name": "Levada", "softwareVersion": software},
        {
            "@id": "#export",
            "@type": "CreateAction",
            "name": f"Export of {whole.name}",
            "instrument": {"@id": "#levada"},
            "endTime": datetime.now(UTC).isoformat(timespec="seconds"),
            "result": {"@id": "./"},
        },
    ]
    for file in files:
        described: dict[str, Any] = {  # Any: JSON
            "@id": _id(file),
            "@type": "File",
            "name": file,
            "contentSize": str((root / file).stat().st_size),
            "encodingFormat": _MEDIA_TYPES.get(Path(file).suffix) or guess_type(file)[0] or "application/octet-stream",
        }
        if file in files_about:
            described["description"] = files_about[file]
        graph.append(described)
    document = {"@context": "https://w3id.org/ro/crate/1.1/context", "@graph": graph}
    _put(root / CRATE, [json.dumps(document, indent=1, ensure_ascii=False)])


def _id(file: str) -> str:
    return quote(file)


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def _digests(folder: Path, files: Sequence[Path]) -> Iterator[str]:
    return (f"{_sha256(file)}  {_escaped(file.relative_to(folder).as_posix())}" for file in files)


def _read_manifest(file: Path) -> dict[str, str]:
    try:
        # Only line ends part lines: names of files may have other characters that Python takes for such ends.
        lines = file.read_text(encoding="utf-8").split("\n")
        pairs = [line.split(maxsplit=1) for line in lines if line]
        return {_unescaped(place): digest for digest, place in pairs}
    except ValueError as error:
        raise DamagedObject(f"{file} does not list files: {error}; copy the archive again.") from None


def _escaped(place: str) -> str:
    return place.replace("%", "%25").replace("\n", "%0A").replace("\r", "%0D")


def _unescaped(place: str) -> str:
    return place.replace("%0A", "\n").replace("%0D", "\r").replace("%25", "%")


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as content:
        while block := content.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def _put(file: Path, lines: Iterable[str]) -> None:
    with file.open("w", encoding="utf-8", newline="\n") as target:
        target.writelines(f"{line}\n" for line in lines)

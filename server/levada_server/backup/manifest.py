"""The description of a backup: what is in its folder, with a digest of everything.

The contents of the folder:

    backup.json     the description; written last, so that a folder without it is incomplete
    database/       the dump of PostgreSQL, in the folder form of pg_dump
    objects/STORE/  the objects of each store, under their paths
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from levada_server.errors import InvalidRequest, NotFound
from levada_server.storage.backup.snapshot import TableDigest
from levada_server.storage.objects.object_files import NamedObject

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MANIFEST = "backup.json"
DUMP = "database"
OBJECTS = "objects"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Manifest:
    """The description of a backup.

    Args:
        time: The moment that it shows, in ISO 8601.
        levada: The version of Levada that made it.
        postgresql: The version of the database that was saved.
        migration: The number of the last migration of its catalog.
        database: The id by which stores know the database; None if it had none yet.
        tables: All tables.
        objects: All objects that are in the backup.
        damaged: Objects that rows name, but whose bytes were missing or changed when they were copied.
    """

    time: str
    levada: str
    postgresql: str
    migration: int
    database: UUID | None
    tables: Sequence[TableDigest]
    objects: Sequence[NamedObject]
    damaged: Sequence[NamedObject]

    @property
    def row_count(self) -> int:
        """The number of rows in all tables."""
        return sum(table.row_count for table in self.tables)

    @property
    def object_bytes(self) -> int:
        """The size of all objects."""
        return sum(named.size_bytes for named in self.objects)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the description of a backup into its folder."""
    known = manifest.database
    text = json.dumps({"format": FORMAT, **asdict(manifest), "database": known and str(known)}, indent=1)
    (folder / MANIFEST).write_text(text, encoding="utf-8")


def read_manifest(folder: Path) -> Manifest:
    """Read the description of a backup.

    Raises:
        NotFound: The folder is not a backup.
        InvalidRequest: The description is damaged, or of a newer version of Levada.
    """
    file = folder / MANIFEST
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotFound(f"{folder} is not a backup: it has no {MANIFEST}.") from None
    except (OSError, ValueError) as error:
        raise InvalidRequest(f"{file} cannot be read: {error}.") from None
    try:
        if content.pop("format") != FORMAT:
            raise InvalidRequest(f"{file} is of a newer version of Levada; upgrade this one.")
        for name, kind in (("tables", TableDigest), ("objects", NamedObject), ("damaged", NamedObject)):
            content[name] = [kind(**entry) for entry in content[name]]
        known = content.get("database")
        content["database"] = None if known is None else UUID(known)
        return Manifest(**content)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise InvalidRequest(f"{file} is not the description of a backup.") from None

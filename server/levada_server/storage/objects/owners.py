"""Let each store belong to one database: two of them would take each other's uploads and objects for leftovers."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING
from uuid import UUID

from levada_server.errors import LevadaError, PreconditionFailed
from levada_server.model.object_names import MANAGED_FOLDER

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from levada_server.storage.objects.store import Store

_LOG = logging.getLogger("levada.objects")
OWNER = f"{MANAGED_FOLDER}/database"
"""The file in a store with the id of the database that it belongs to."""


def read_owner(text: str, store: str) -> UUID:
    """Read the file of a store's owner.

    Raises:
        PreconditionFailed: It is damaged.
    """
    try:
        return UUID(text.strip())
    except ValueError:
        raise PreconditionFailed(
            f"The file {OWNER} in the store `{store}` is damaged, so nobody knows to which database the store belongs. "
            "If it is this one, remove the file.",
            store=store,
        ) from None


def own(store: Store, database: UUID) -> None:
    """Let a store belong to a database, before that writes into it or removes something.

    Raises:
        PreconditionFailed: It belongs to another one.
    """
    if store.claim(database) != database:
        raise PreconditionFailed(
            f"The store `{store.name}` belongs to another database, so this one only reads it. Name another folder, or "
            f"another prefix in the bucket, in stores.toml. If the other database is gone for good, remove the file "
            f"{OWNER} from the store, and it belongs to the first database that writes there.",
            store=store.name,
        )


def keep_for(stores: Iterable[Store], database: UUID, named: Collection[str]) -> None:
    """Let stores that have objects or uploads, and belong to no database yet, belong to one before its copy starts.

    A database whose version knew no owners has not marked its stores; the copy, which has the same records, could be
    the first to write there.

    Args:
        stores: The stores.
        database: The database.
        named: The names of the stores with objects of the copy; it does not need the others to be in reach.

    Raises:
        Unavailable: One with objects cannot be reached.
    """
    for store in stores:
        try:
            if store.is_used():
                with suppress(OSError, PreconditionFailed):  # nobody writes into a store that is read-only
                    store.claim(database)
        except (OSError, LevadaError) as error:
            if store.name in named:
                raise
            _LOG.warning("no object is in the store %s, which is left alone: %s", store.name, error)

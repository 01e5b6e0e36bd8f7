"""Keep what a user reads under a name, which nobody else sees, nor another token with scopes of the same user."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from levada_server.errors import AlreadyExists, InvalidRequest, LevadaError, LimitReached, NotFound
from levada_server.operations.make_contract import UNTRACKED, read_input
from levada_server.permissions.roles import Action
from levada_server.storage.jobs import recordings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from levada_server.operations.caller import Caller
    from levada_server.operations.context import Engine
    from levada_server.operations.make_contract import Repeatable
    from levada_server.query.algebra import Relation
    from levada_server.storage.jobs.recordings import RecordedRead, Recording

MAX_READS = 10_000
"""The most different reads of a recording."""
MAX_BYTES = 2**24
"""The most bytes of the relations that a recording's reads ask for."""
MAX_RECORDINGS = 1_000
"""The most recordings of a user."""
MAX_AT_ONCE = 16
"""The most recordings that keep one read."""
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True)
class KeptRead:
    """A read that recordings are to keep once its digest is known: relation and kind are as of `Input`."""

    ids: Sequence[int]
    relation: bytes
    kind: str

    async def keep(self, engine: Engine, digest: str) -> None:
        """Keep it, whatever becomes of the transaction in which it was read.

        Raises:
            LimitReached: A recording has too many reads.
        """
        relation, kind = self.relation, self.kind
        key = hashlib.sha256(kind.encode() + b" " + relation).digest()
        async with engine.scope.outside.connection() as connection:
            known = digest if kind != UNTRACKED else ""
            kept = await recordings.add_read(
                connection, self.ids, key, relation, kind, known, most=MAX_READS, most_bytes=MAX_BYTES
            )
            if len(kept) < len(self.ids):
                raise LimitReached(
                    f"A recording keeps at most {MAX_READS} different reads with {MAX_BYTES >> 20} MB of conditions; "
                    "begin another one.",
                    limit="recorded_reads",
                    value=MAX_READS,
                )


async def begin_kept_read(
    engine: Engine, caller: Caller, names: Sequence[str], relation: Relation, repeatable: Repeatable
) -> KeptRead:
    """Return a read that recordings of the caller are to keep.

    Raises:
        NotFound: The caller has no recording of a name.
        LimitReached: There are too many.
    """
    if len(names) > MAX_AT_ONCE:
        raise LimitReached(f"At most {MAX_AT_ONCE} recordings keep a read.", limit="recordings", value=MAX_AT_ONCE)
    async with engine.scope.outside.connection() as connection:
        found = await recordings.find_open(connection, *_holder(caller), names)
    if missing := [name for name in names if name not in found]:
        raise _no_recording(missing[0])
    view = await engine.gate.open(caller)
    kind = read_input(view, relation, repeatable.kind, repeatable.names).kind
    return KeptRead(list(found.values()), repeatable.relation, kind)


async def create(engine: Engine, caller: Caller, name: str) -> Recording:
    """Begin a recording, or go on with one.

    Raises:
        InvalidRequest: It cannot have such a name.
        LimitReached: The caller has too many.
        AlreadyExists: The caller's token has scopes, and the user has one of this name by another token.
    """
    engine.gate.rights(caller)
    if _NAME.fullmatch(name) is None:
        raise InvalidRequest(
            f"A recording is named by 1 to 64 letters, digits, `.`, `_` and `-`; {name!r} is not such a name.",
            field="name",
        )
    async with engine.scope.transaction() as connection:
        created = await recordings.create(connection, *_holder(caller), name, most=MAX_RECORDINGS)
        taken = created is None and await recordings.find(connection, caller.identity.user_id, None, name) is not None
    if taken:
        raise AlreadyExists(
            f"You have a recording `{name}` that was not begun with this token, which has scopes; choose another name."
        )
    if created is None:
        raise LimitReached(
            f"You have {MAX_RECORDINGS} recordings; delete some with `levada recordings delete`.",
            limit="recordings",
            value=MAX_RECORDINGS,
        )
    return created


async def listed(engine: Engine, caller: Caller) -> list[Recording]:
    """Return the recordings of the caller, by name."""
    engine.gate.rights(caller)
    async with engine.scope.connection() as connection:
        return await recordings.read_all(connection, *_holder(caller))


async def listed_reads(engine: Engine, caller: Caller, name: str, *, after: int, limit: int) -> list[RecordedRead]:
    """Return some reads of a recording, in order.

    Raises:
        NotFound: The caller has no such recording.
    """
    engine.gate.rights(caller)
    async with engine.scope.connection() as connection:
        id_ = await recordings.find(connection, *_holder(caller), name)
        if id_ is None:
            raise _no_recording(name)
        return await recordings.read_reads(connection, id_, after, limit)


async def present_digest(engine: Engine, caller: Caller, read: RecordedRead) -> str | None:
    """Return the digest of the rows that a read gives the caller now; None if it cannot be repeated."""
    if read.kind == UNTRACKED:
        return None
    try:
        readable = await (await engine.gate.open(caller)).query(
            Action.FETCH, engine.gate.decode_relation(read.relation)
        )
    except LevadaError:
        return None
    match read.kind:
        case "count":
            return str(await readable.count(engine.scope))
        case "exists":
            return str(await readable.exists(engine.scope))
        case _:
            return await readable.digest(engine.scope)


async def delete(engine: Engine, caller: Caller, name: str) -> None:
    """Delete a recording.

    Raises:
        NotFound: The caller has no such recording.
    """
    engine.gate.rights(caller)
    async with engine.scope.transaction() as connection:
        if not await recordings.delete(connection, *_holder(caller), name):
            raise _no_recording(name)


def _holder(caller: Caller) -> tuple[int | None, UUID | None]:
    """Return the user, and the token if it has scopes: by such a one the user's other recordings are out of reach."""
    return caller.identity.user_id, caller.identity.confined_to


def _no_recording(name: str) -> NotFound:
    return NotFound(f"You have no recording `{name}`; `levada recordings list` lists yours.")

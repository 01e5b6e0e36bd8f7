"""Leases, receipts and logins as signed texts: only servers of this database write them, and each can check them."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import hmac
import json
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from levada_server.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from levada_server.jobs.lease import Lease

_MAC_BYTES = 16
_LEASE = b"lease "
_RECEIPT = b"receipt "
_LOGIN = b"login "
"""The purpose of a text: one cannot be passed off as another."""
_REMEMBERED = 4096
"""How many leases that were just issued are known without reading their tokens: each comes back within moments."""
_JSON = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)


class LeaseContent(NamedTuple):
    """The content of a lease's token.

    Args:
        table_id: The table to compute.
        job_id: The job, unique within the table.
        attempt: The number of the attempt, from 1.
        token: Distinguishes this lease from every other one of the job.
        key: Names and values of the job's key, as written by `spelled`.
        replaces: The token of the lease whose result is computed again; None if there is none yet.
    """

    table_id: int
    job_id: int
    attempt: int
    token: UUID
    key: Mapping[str, str]
    replaces: UUID | None = None


@dataclass(frozen=True, slots=True)
class TableRead:
    """The reads of one table: how many result rows it contributed to, and whether always restricted by the key."""

    rows: int
    key_restricted: bool

    def __add__(self, other: TableRead) -> TableRead:
        """Combine two reads."""
        return TableRead(self.rows + other.rows, self.key_restricted and other.key_restricted)


Reads = dict[str, TableRead]
"""By the table, `schema.Table`."""


@dataclass(frozen=True, slots=True)
class Input:
    """One read of a job, so that it can be repeated and compared.

    Args:
        relation: The relation, as the client sent it.
        kind: Whether its `rows` were read, or only their `count`, or whether one `exists`.
        digest: The digest of the rows, or the answer; empty if it cannot be repeated.
        names: The attributes of the rows; none for the other kinds.
        tables: The ids of the tables that it read, by their name then.
        insight: Whose rows the reader could reach, where rows of others are hidden: teams, and ids of tables all of
            whose rows could be read. None if that was no limit.
    """

    relation: bytes
    kind: str
    digest: str
    names: tuple[str, ...]
    tables: Mapping[str, int]
    insight: tuple[tuple[str, ...], tuple[int, ...]] | None = None


@dataclass(frozen=True, slots=True)
class Login:
    """A login that has begun.

    Args:
        device_code: The issuer's name for it.
        nonce: The text that the issuer repeats.
        interval_s: The seconds to wait before the issuer is asked again.
    """

    device_code: str
    nonce: str
    interval_s: float


@dataclass(frozen=True, slots=True)
class Receipt:
    """The reads under a lease: their counts by table, and each one of them."""

    token: UUID
    reads: Reads
    inputs: tuple[Input, ...] = ()


def lease_content(lease: Lease) -> LeaseContent:
    """Build the content of a lease's token."""
    key = {name: spelled(value) for name, value in lease.key}
    return LeaseContent(lease.table_id, lease.job_id, lease.attempt, lease.token, key, lease.replaces)


def spelled(value: object) -> str:
    """Write a value so that equal values are written alike, whether they come from a client or from the database."""
    match value:
        case bool():
            return str(int(value))
        case bytes():
            return value.hex()
        case dt.datetime() if value.tzinfo is not None:
            return str(value.astimezone(dt.UTC))
        case _:
            return str(value)


def merged(all_reads: Iterable[Reads]) -> Reads:
    """Combine the contents of several receipts."""
    total: Reads = {}
    for reads in all_reads:
        for table, read in reads.items():
            total[table] = total[table] + read if table in total else read
    return total


def _told_input(read: Input) -> list[object]:
    relation = base64.b64encode(read.relation).decode()
    return [relation, read.kind, read.digest, read.names, dict(read.tables), read.insight]


def _input_told(said: list) -> Input:  # type: ignore[type-arg]  # as `_told_input` made it
    relation, kind, digest, names, tables, insight = said
    reach = None if insight is None else (tuple(insight[0]), tuple(insight[1]))
    return Input(base64.b64decode(relation), kind, digest, tuple(names), tables, reach)


class Signer:
    """Writes and reads the signed texts for one token; those for another one are not accepted, also of the same user.

    Args:
        secret: The same for all servers of a database, at most 64 bytes.
        token_id: The token; None for administrators at the private socket, and for the server's own use.
    """

    def __init__(self, secret: bytes, token_id: UUID | None = None) -> None:
        self._secret = secret
        self._salt = b"" if token_id is None else token_id.bytes
        self._issued: OrderedDict[tuple[bytes, str], LeaseContent] = OrderedDict()

    def of(self, token_id: UUID | None) -> Signer:
        """Return the signer for another token."""
        other = Signer(self._secret, token_id)
        other._issued = self._issued
        return other

    @property
    def server_id(self) -> str:
        """Return the id of the servers of this database, which says nothing about the secret."""
        return hashlib.blake2b(b"server id", key=self._secret, digest_size=8).hexdigest()

    def lease(self, lease: LeaseContent) -> str:
        """Write the token of a lease."""
        # As JSON, written by hand: the encoder is made for one text, and takes several times as long for a list.
        key = ",".join([f"{_JSON.encode(name)}:{_JSON.encode(value)}" for name, value in lease.key.items()])
        replaces = "null" if lease.replaces is None else f'"{lease.replaces.hex}"'
        said = f'[{lease.table_id},{lease.job_id},{lease.attempt},"{lease.token.hex}",{{{key}}},{replaces}]'
        text = self._sign(_LEASE, said.encode()).decode()
        if len(self._issued) >= _REMEMBERED:
            self._issued.popitem(last=False)
        self._issued[self._salt, text] = lease
        return text

    def read_lease(self, text: str) -> LeaseContent:
        """Read the token of a lease.

        Raises:
            InvalidRequest: No server of this database wrote it.
        """
        if issued := self._issued.get((self._salt, text)):
            return issued
        said = json.loads(self._read(_LEASE, text.encode(), "lease_token"))
        table_id, job_id, attempt, token, key, replaces = said
        earlier = None if replaces is None else UUID(replaces)
        return LeaseContent(table_id, job_id, attempt, UUID(token), key, earlier)

    def receipt(self, receipt: Receipt) -> bytes:
        """Write a receipt."""
        reads = {table: [read.rows, read.key_restricted] for table, read in receipt.reads.items()}
        said = [receipt.token.hex, reads, [_told_input(read) for read in receipt.inputs]]
        return self._sign(_RECEIPT, _JSON.encode(said).encode())

    def read_receipt(self, content: bytes, token: UUID) -> Receipt:
        """Read a receipt that was issued under a lease.

        Raises:
            InvalidRequest: No server of this database wrote it, or it belongs to another lease.
        """
        under, reads, inputs = json.loads(self._read(_RECEIPT, content, "read_receipt"))
        if under != token.hex:
            raise InvalidRequest("`read_receipt` belongs to another lease.", field="read_receipt")
        counts = {table: TableRead(rows, restricted) for table, (rows, restricted) in reads.items()}
        return Receipt(token, counts, tuple(map(_input_told, inputs)))

    def login(self, login: Login) -> str:
        """Write a login."""
        said = [login.device_code, login.nonce, login.interval_s]
        return self._sign(_LOGIN, _JSON.encode(said).encode()).decode()

    def read_login(self, text: str) -> Login:
        """Read a login.

        Raises:
            InvalidRequest: No server of this database wrote it.
        """
        return Login(*json.loads(self._read(_LOGIN, text.encode(), "login")))

    def _sign(self, purpose: bytes, payload: bytes) -> bytes:
        return base64.urlsafe_b64encode(self._mac(purpose, payload) + payload)

    def _read(self, purpose: bytes, signed: bytes, field: str) -> bytes:
        try:
            content = base64.urlsafe_b64decode(signed)
        except (binascii.Error, ValueError):
            content = b""
        mac, payload = content[:_MAC_BYTES], content[_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(purpose, payload)):
            raise InvalidRequest(f"`{field}` was not issued by this server.", field=field)
        return payload

    def _mac(self, purpose: bytes, payload: bytes) -> bytes:
        # A keyed BLAKE2 is an authentication code by itself, at half the cost of an HMAC.
        return hashlib.blake2b(purpose + payload, digest_size=_MAC_BYTES, key=self._secret, salt=self._salt).digest()

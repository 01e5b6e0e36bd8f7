"""Settings of a server, read once and passed down."""

from __future__ import annotations

import os
import re
import stat
import tomllib
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from levada_server.errors import InvalidRequest
from levada_server.issuer import check_url
from levada_server.model.object_names import check_path
from levada_server.model.sizes import VALUE_BYTES
from levada_server.operations.call_limits import CallLimits
from levada_server.operations.transactions import TransactionLimits
from levada_server.permissions.id_tokens import IssuerSettings
from levada_server.rpc.user_shares import USER_STREAMS
from levada_server.storage.objects.bucket_settings import BucketKind, BucketSettings
from levada_server.storage.objects.storage import ANY_SCHEMA, StoreFolders

if TYPE_CHECKING:
    from levada_server.logs import LogFormat
    from levada_server.rpc.web.door import WebSettings

CERTIFICATE_FILES = Path("tls", "server.pem"), Path("tls", "server.key")
"""The certificate and its key in the data folder, as `levada certificates` makes them."""
ISSUER_FILE = "issuer.toml"
"""The file in the data folder that names the issuer of identities."""
DATABASE_URL = "LEVADA_DATABASE_URL"
"""The variable of the environment that holds the address of the database."""
OWNER_URL = "LEVADA_OWNER_URL"
"""The one that holds this address with the role that owns the tables."""
ALERTS_FILE = "alerts.toml"
"""The file in the data folder that says whom to tell of troubles."""
WEBHOOK_URL = "LEVADA_WEBHOOK_URL"
SMTP_PASSWORD = "LEVADA_SMTP_PASSWORD"
"""Variables of the environment that hold what `alerts.toml` should not."""
AUDIT_MONTHS = 36
STORES_FILE = "stores.toml"
"""The file in the data folder that names the stores."""
OWN_STORE = "default"
OBJECTS_FOLDER = "objects"
"""The embedded server's own store, and its folder in the data folder."""
_KINDS = {bool: "true or false", str: "a text"}
_HERE = ("localhost", "127.0.0.1", "::1")
_STORE_NAME = re.compile(r"[A-Za-z0-9_-]+")
_BUCKET_KEYS: dict[BucketKind, dict[str, type]] = {
    BucketKind.S3: {"endpoint": str, "region": str, "key_id": str, "secret": str},
    BucketKind.GCS: {"service_account": str},
    BucketKind.AZURE: {"endpoint": str, "account": str, "secret": str},
}
_CREDENTIALS = {
    BucketKind.S3: "`key_id` and `secret`",
    BucketKind.GCS: "`service_account`, the path of its key's file",
    BucketKind.AZURE: "`secret`",
}


@dataclass(frozen=True, slots=True)
class MailSettings:
    """A mail server, and to whom it brings alerts.

    Args:
        host: The mail server.
        port: Its port.
        sender: The sender's address.
        recipients: The recipients' addresses.
        user: As whom to log in there; None not to.
        password: The password for that.
        authority: The certificates that the mail server's must come from; None for those of the system.
    """

    host: str
    port: int
    sender: str
    recipients: tuple[str, ...]
    user: str | None = None
    password: str = field(default="", repr=False)
    authority: Path | None = None

    @property
    def stays_here(self) -> bool:
        """Return whether it is on this machine, so that nobody else can read what is sent."""
        return self.host in _HERE


@dataclass(frozen=True, slots=True)
class AlertSettings:
    """Whom to tell of failed jobs, lost workers and failed backups.

    Args:
        webhook_url: The address to which to post; whoever has it can post there. None for none.
        mail: How to send mail; None to send none.
    """

    webhook_url: str | None = field(repr=False)
    mail: MailSettings | None


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a server.

    Args:
        database_url: An external PostgreSQL; None for the embedded one.
        owner_url: The same database with the role that owns the tables, if the other role may not change them; None
            if it is the same role.
        data_folder: The folder of the embedded PostgreSQL and the server's own files.
        listen: `host:port` or `unix:/path`; None for a private socket of the data folder.
        idle_timeout_s: Stop after this many seconds without a call; None to run for ever.
        grace_s: How long running calls may take after a stop signal.
        spool_folder: The folder for the results of slow readers and the rows of inserts; None for the system's folder
            for temporary files.
        value_bytes: The maximum size of a value in a row.
        transaction_limits: How long a client's transaction may be idle and open.
        user_streams: The most streams of each kind that one user may have open in one process.
        call_limits: How much one call may read or insert, and for how long.
        schema_bytes: The most bytes of a schema's rows and objects; None for no limit.
        certificate: The files of a certificate and of its key, to serve TLS on TCP; None to serve without.
        processes: How many processes serve the port.
        shared_port: Others listen on it too.
        log_level: A level of the standard library's logging.
        log_format: Text for people, or JSON.
        audit_months: How many months the audit is kept.
        metrics: The host and port at which to serve metrics over HTTP, with a port of 0 for any free one; each further
            process has the next port. None to serve none.
        web: The place of a dashboard for all users; None to open it for the server's own user, on request.
        alerts: Whom to tell of troubles; None to tell nobody.
        stores: The stores of objects; the embedded server has one more, in its data folder.
        issuer: The issuer of identities at which users log in; None if there is none.
    """

    database_url: str | None = field(repr=False)  # it may have a password
    data_folder: Path
    listen: str | None = None
    owner_url: str | None = field(default=None, repr=False)  # as well
    idle_timeout_s: float | None = None
    grace_s: float = 10.0
    spool_folder: Path | None = None
    value_bytes: int = VALUE_BYTES
    transaction_limits: TransactionLimits = field(default_factory=TransactionLimits)
    user_streams: int = USER_STREAMS
    call_limits: CallLimits = field(default_factory=CallLimits)
    schema_bytes: int | None = None
    certificate: tuple[Path, Path] | None = None
    processes: int = 1
    shared_port: bool = False
    log_level: str = "INFO"
    log_format: LogFormat = "text"
    audit_months: int = AUDIT_MONTHS
    metrics: tuple[str, int] | None = None
    web: WebSettings | None = None
    alerts: AlertSettings | None = None
    stores: StoreFolders = field(default_factory=StoreFolders)
    issuer: IssuerSettings | None = None


def database_url(given: str | None, variable: str = DATABASE_URL) -> str | None:
    """Return an address of the database: the given one, else that of the environment; None if there is none.

    Args:
        given: The address on the command line, where everybody on the machine can read it.
        variable: The variable of the environment.

    Raises:
        InvalidRequest: There is a password in it, or it is not an address.
    """
    url = given or os.environ.get(variable)
    if url is None:
        return None
    _, password = without_password(url)
    if given and password is not None:
        raise InvalidRequest(
            "Everybody on this machine can see the database's password on the command line. Leave it out, and write it "
            f"into ~/.pgpass or the file that PGPASSFILE names; or set the whole address as {variable} in the "
            "environment."
        )
    return url


def without_password(url: str) -> tuple[str, str | None]:
    """Split a database's address into one without its password, and the password.

    Raises:
        InvalidRequest: It is not an address. The message does not quote it.
    """
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    options = dict(parse_qsl(parts.query))
    if parts.scheme not in ("postgresql", "postgres") or "@" in parts.path or "@" in parts.fragment:
        raise InvalidRequest(
            "The address of the database must be postgresql://user@host/database; characters of a password such as "
            "`/`, `?` and `#` are written %2F, %3F and %23."
        )
    password = options.pop("password", None)
    if password is None and parts.password is None:
        return url, None
    plain = parts._replace(netloc=f"{user.partition(':')[0]}{at}{host}", query=urlencode(options))
    return urlunsplit(plain), unquote(parts.password or "") if password is None else password


def read_stores(file: Path, *, own_store: bool = False) -> StoreFolders:
    """Read the stores.

    The file has a table `[stores.NAME]` for each, with its `folder` or its bucket; a relative folder is relative to the
    file. The environment may hold the key of a bucket: LEVADA_STORE_NAME_KEY_ID and LEVADA_STORE_NAME_SECRET.
    `preferred` names the store for definitions with `@` alone. By default it is the server's own store, so that a file
    which adds a store for recordings lets no new value go there; without an own one, a single store.

    Args:
        file: The file.
        own_store: Whether the server has a store of its own beside those of the file.

    Raises:
        InvalidRequest: The file cannot be read, has other contents, or others can read a secret in it.
    """
    content = _read(file)
    tables = content.get("stores", {})
    if not isinstance(tables, dict) or content.keys() - {"stores", "preferred"}:
        raise InvalidRequest(f"{file} has tables [stores.NAME] and the key `preferred`, and nothing else.")
    folders, buckets, registrable = {}, {}, {}
    for name, table in tables.items():
        if not _STORE_NAME.fullmatch(name):
            raise InvalidRequest(f"{file}: {name!r} is not a valid name of a store; use letters, digits, `-` and `_`.")
        if isinstance(table, dict) and "register" in table:
            table = dict(table)
            registrable[name] = _read_registrable(f"{file}: [stores.{name}.register]", table.pop("register"))
        if isinstance(table, dict) and "kind" in table:
            buckets[name] = _bucket(file, name, table)
            continue
        folder = table.get("folder") if isinstance(table, dict) else None
        if not isinstance(folder, str) or table.keys() != {"folder"}:
            raise InvalidRequest(
                f'{file}: the store `{name}` needs one line: folder = "/path/to/the/folder"; or, for a bucket, `kind` '
                "and the keys that the documentation lists."
            )
        folders[name] = file.parent / folder
    names = [OWN_STORE] if own_store else []
    names += [*folders, *buckets]
    preferred = content.get("preferred", names[0] if own_store or len(names) == 1 else None)
    if preferred is not None and preferred not in names:
        raise InvalidRequest(f"{file} prefers the store {preferred!r}, which it does not name.")
    return StoreFolders(folders, preferred, str(file), buckets, registrable)


def _read_registrable(where: str, content: object) -> dict[str, tuple[str, ...]]:
    """Read the folders of a store whose files each schema may register."""
    found = {}
    for schema, folders in content.items() if isinstance(content, dict) else [("", None)]:
        if not isinstance(folders, list) or not all(isinstance(folder, str) for folder in folders):
            raise InvalidRequest(f'{where} has lines such as lab = ["2026", "movies"]: a schema, and its folders.')
        try:
            found[schema] = tuple(folder and check_path(folder.rstrip("/")) for folder in folders)
        except InvalidRequest as error:
            raise InvalidRequest(f"{where}: {error}") from None
    return found


def _bucket(file: Path, name: str, table: dict[str, Any]) -> BucketSettings:  # Any: TOML
    kinds = {kind.value: kind for kind in BucketKind}
    kind = kinds.get(table["kind"]) if isinstance(table["kind"], str) else None
    if kind is None:
        raise InvalidRequest(f"{file}: the `kind` of the store `{name}` must be one of {', '.join(kinds)}.")
    known = {"kind": str, "bucket": str, "prefix": str, "instance_role": bool, **_BUCKET_KEYS[kind]}
    for key, value in table.items():
        if key not in known or not isinstance(value, known[key]):
            what = f"is not {_KINDS[known[key]]}" if key in known else "is unknown"
            raise InvalidRequest(f"{file}: the key `{key}` of the store `{name}` {what}; it has {', '.join(known)}.")
    if "secret" in table:
        _check_private(file)
    variable = f"LEVADA_STORE_{name.upper().replace('-', '_')}"
    prefix = table.get("prefix", "").strip("/")
    service_account = table.get("service_account")
    settings = BucketSettings(
        kind,
        table.get("bucket", ""),
        check_path(prefix) if prefix else "",
        table.get("endpoint", "").rstrip("/"),
        table.get("region", "us-east-1"),
        table.get("account", ""),
        os.environ.get(f"{variable}_KEY_ID") or table.get("key_id", ""),
        os.environ.get(f"{variable}_SECRET") or table.get("secret", ""),
        None if service_account is None else file.parent / service_account,
    )
    needed = {"bucket": settings.bucket, "account": settings.account or kind is not BucketKind.AZURE}
    if missing := [key for key, value in needed.items() if not value]:
        raise InvalidRequest(f"{file}: the store `{name}` has no `{missing[0]}`.")
    if settings.endpoint and not settings.endpoint.startswith(("https://", "http://")):
        raise InvalidRequest(f"{file}: the endpoint of the store `{name}` must begin with https:// or http://.")
    has_key = settings.service_account if kind is BucketKind.GCS else settings.secret
    if bool(has_key) is table.get("instance_role", False) or (
        kind is BucketKind.S3 and bool(settings.key_id) is not bool(settings.secret)
    ):
        raise InvalidRequest(
            f"{file}: the store `{name}` needs either a key ({_CREDENTIALS[kind]}; or the variables "
            f"{variable}_KEY_ID and {variable}_SECRET), or instance_role = true for the role of the server's machine."
        )
    return settings


def store_folders(settings: Settings) -> StoreFolders:
    """Return the stores; a server with its own database has its own store, so that a notebook needs no settings.

    That store's folder is open to the server's user alone: root's data folder lets others through.
    """
    named = settings.stores
    if settings.database_url is not None or OWN_STORE in {*named.folders, *named.buckets}:
        return named
    folder = settings.data_folder / OBJECTS_FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.stat()
    if found.st_uid == os.geteuid() and found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        folder.chmod(0o700)
    file = str(settings.data_folder.resolve() / STORES_FILE)
    return replace(
        named,
        folders={**named.folders, OWN_STORE: folder},
        preferred=named.preferred or OWN_STORE,
        file=file,
        registrable={**named.registrable, OWN_STORE: {ANY_SCHEMA: ("",)}},
    )


def read_issuer(file: Path) -> IssuerSettings:
    """Read the issuer of identities at which users log in: a key for each field of `IssuerSettings`.

    Raises:
        InvalidRequest: The file cannot be read, has other contents, or others can read the secret in it.
    """
    content, known = _read(file), {one.name: one for one in fields(IssuerSettings)}
    for name, value in content.items():
        wanted = bool if name == "add_users" else str
        if name not in known or not isinstance(value, wanted):
            raise InvalidRequest(f"{file}: the key `{name}` is unknown, or is not {_KINDS[wanted]}.")
    missing = [name for name in ("url", "client_id") if not content.get(name)]
    if missing:
        raise InvalidRequest(f"{file} has no {' and no '.join(f'`{name}`' for name in missing)}.")
    if "client_secret" in content:
        _check_private(file)
    check_url(content["url"])
    return IssuerSettings(**content)


def read_alerts(file: Path) -> AlertSettings:
    """Read whom to tell of troubles: the table `[webhook]`, the table `[mail]`, or both.

    The environment may hold the address of the webhook and the password of the mail server instead of the file.

    Raises:
        InvalidRequest: The file cannot be read, has other contents, or others can read a secret in it.
    """
    content = _read(file)
    webhook, mail = content.pop("webhook", None), content.pop("mail", None)
    if content or not (webhook is None or isinstance(webhook, dict)) or not (mail is None or isinstance(mail, dict)):
        raise InvalidRequest(f"{file} has the tables [webhook] and [mail], and nothing else.")
    if webhook is None and mail is None:
        raise InvalidRequest(f"{file} has neither the table [webhook] nor [mail].")
    if "url" in (webhook or {}) or "password" in (mail or {}):
        _check_private(file)
    return AlertSettings(
        None if webhook is None else _webhook_url(file, webhook), None if mail is None else _mail(file, mail)
    )


def _webhook_url(file: Path, table: dict[str, Any]) -> str:  # Any: TOML
    url = os.environ.get(WEBHOOK_URL) or table.get("url")
    if table.keys() - {"url"} or not isinstance(url, str):
        raise InvalidRequest(f"{file}: [webhook] needs the key `url` alone, or none and the variable {WEBHOOK_URL}.")
    try:
        check_url(url)
    except InvalidRequest:
        raise InvalidRequest(f"{file}: the address of the webhook must begin with https://.") from None
    return url


def _mail(file: Path, table: dict[str, Any]) -> MailSettings:  # Any: TOML
    texts = {name: table.get(name) for name in ("server", "from", "user", "password", "authority")}
    recipients: Any = table.get("to")
    if table.keys() - {*texts, "to"} or not all(value is None or isinstance(value, str) for value in texts.values()):
        raise InvalidRequest(f"{file}: [mail] has the texts {', '.join(texts)}, and the list `to`.")
    if not texts["server"] or not texts["from"] or not _are_texts(recipients):
        raise InvalidRequest(f"{file}: [mail] needs `server`, `from`, and in `to` a list of addresses.")
    host, _, port = texts["server"].rpartition(":")
    if not host or not port.isdecimal():
        raise InvalidRequest(f"{file}: [mail] needs host:port as its `server`, such as smtp.example.org:587.")
    password = os.environ.get(SMTP_PASSWORD) or texts["password"]
    if texts["user"] and not password:
        raise InvalidRequest(f"{file}: [mail] has a `user` and no `password`, nor is the variable {SMTP_PASSWORD} set.")
    authority = None if texts["authority"] is None else file.parent / texts["authority"]
    return MailSettings(host, int(port), texts["from"], tuple(recipients), texts["user"], password or "", authority)


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, str) for one in value)


def _check_private(file: Path) -> None:
    if os.name != "nt" and file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise InvalidRequest(f"Others can read {file}, which holds a secret; run `chmod 600 {file}`.")


def _read(file: Path) -> dict[str, Any]:  # Any: TOML
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidRequest(f"{file} cannot be read: {(error.strerror or str(error)).lower()}.") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidRequest(f"{file} is not valid TOML: {error}.") from None

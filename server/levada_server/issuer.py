"""Ask an issuer of identities (OpenID Connect) who a user is: the user logs in there, in any browser (RFC 8628)."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import http.client
import json
import logging
import re
import secrets
import time
import urllib.error
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar
from urllib.parse import quote_plus, urlencode, urlsplit

from joserfc.errors import JoseError
from joserfc.jwk import import_key

from levada_server.errors import InvalidRequest, LimitReached, Unauthenticated, Unavailable
from levada_server.permissions.id_tokens import BadIdTokenError, key_id, read_account, read_id_token

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from joserfc.jwk import Key

    from levada_server.permissions.id_tokens import Account, IssuerSettings

STEP_S = 5.0
"""The longest silence, in seconds, within an answer of the issuer."""
ANSWER_S = 10.0
"""The most seconds that a whole answer may take."""
ANSWER_BYTES = 2**20
MAX_LOGINS = 32
"""The most calls that wait for the issuer; more are refused, because anybody may begin to log in."""
SPARE_LOGINS = 8
"""How many of them are for hosts with no other call that waits, so that no host takes all."""
THREADS = 4
"""How many of them ask at once; the others wait for their turn."""
KEEP_S = 3600.0
"""How long, in seconds, the issuer's description and keys are used before the issuer is asked again."""
LEAST_S = 10.0
"""The pause, in seconds, before the issuer is asked again, however many unknown keys are named, or while it is away."""
MAX_LIFETIME_S = 1800.0
MAX_INTERVAL_S = 60.0
SLOWER_S = 5.0
"""How much longer to wait when the issuer wants to be asked less often (RFC 8628, section 3.5)."""
_SCOPE = "openid profile email"
_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_DESCRIPTION = "/.well-known/openid-configuration"
_KEY_TYPES = ("EC", "RSA", "OKP")
_STATUSES = (200, 400, 401, 403)
_LOGGED = 500
_HERE = ("127.0.0.1", "localhost", "::1")
_SHOWN = re.compile(r"[!-~]{1,4000}")
"""The texts that may be printed on a terminal."""
_CHUNK_BYTES = 2**16
_LOG = logging.getLogger("levada.issuer")

_Answer: TypeAlias = "dict[str, Any]"  # Any: JSON
_Content = TypeVar("_Content", bound="Mapping[Any, Any]")  # Any: as above


@dataclass(frozen=True, slots=True)
class StartedLogin:
    """A login that a user has begun.

    Args:
        device_code: The issuer's name for it, for `poll`.
        nonce: The text that `poll` expects in the issuer's token, if the issuer repeats it.
        page: The page on which the user logs in.
        code: The code to type there.
        page_with_code: The same page with the code typed in; empty if there is none.
        interval_s: The seconds to wait before each `poll`.
        lifetime_s: The seconds that the user has.
    """

    device_code: str
    nonce: str
    page: str
    code: str
    page_with_code: str
    interval_s: float
    lifetime_s: float


@dataclass(frozen=True, slots=True)
class Pending:
    """The user has not logged in yet; the issuer may want to be asked less often."""

    slower: bool


class Issuer:
    """The issuer of identities that this server trusts.

    Requests run in a few threads of their own, so that an issuer that is slow or away holds nothing else up.
    """

    def __init__(self, settings: IssuerSettings) -> None:
        check_url(settings.url)
        self.settings = settings
        self._threads = ThreadPoolExecutor(THREADS, "levada-issuer")
        self._opener = urllib.request.build_opener(_NoRedirects)
        self._description = _Kept[_Answer]()
        self._keys = _Kept["dict[str | None, Key]"]()
        self._waiting: Counter[str] = Counter()
        self._turns = _Turns()

    def close(self) -> None:
        """Begin no more requests."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    @asynccontextmanager
    async def waiting(self, host: str) -> AsyncIterator[None]:
        """Count one more call of a host that waits for the issuer, and run the block when it is its turn.

        Raises:
            LimitReached: Too many users log in at this moment.
        """
        if self._waiting.total() >= (MAX_LOGINS - SPARE_LOGINS if self._waiting[host] else MAX_LOGINS):
            raise LimitReached("Many users log in at this moment; try again in a minute.", limit="logins")
        self._waiting[host] += 1
        try:
            await self._turns.take(host)
            try:
                yield
            finally:
                self._turns.give_back(host)
        finally:
            self._waiting[host] -= 1
            if not self._waiting[host]:
                del self._waiting[host]

    async def start(self) -> StartedLogin:
        """Begin a login, within `waiting`.

        Raises:
            Unavailable: The issuer does not answer, or cannot do this.
        """
        nonce = secrets.token_urlsafe(16)
        description = await self._described()
        if "device_authorization_endpoint" not in description:
            raise self._unfit("it does not offer the device authorization grant (RFC 8628)")
        answer = await self._ask(
            str(description["device_authorization_endpoint"]), {"scope": _SCOPE, "nonce": nonce}, "device_code"
        )
        if "error" in answer:
            raise self._unfit(f"it answers {answer['error']!r} when a login begins")
        try:
            return StartedLogin(
                _shown(answer["device_code"]),
                nonce,
                _page(answer["verification_uri"]),
                _shown(answer["user_code"]),
                _page(answer["verification_uri_complete"]) if "verification_uri_complete" in answer else "",
                min(max(float(answer.get("interval", SLOWER_S)), 0.0), MAX_INTERVAL_S),
                min(max(float(answer["expires_in"]), 0.0), MAX_LIFETIME_S),
            )
        except (KeyError, ValueError, TypeError) as error:
            raise self._unfit(f"its answer to a login is malformed: {error!r}") from None

    async def poll(self, device_code: str, nonce: str) -> Account | Pending:
        """Return the account with which the user has logged in; within `waiting`.

        Raises:
            Unauthenticated: The login was refused, has expired, or was polled to its end before.
            Unavailable: The issuer does not answer.
        """
        description = await self._described()
        answer = await self._ask(
            str(description["token_endpoint"]), {"grant_type": _GRANT, "device_code": device_code}, "id_token"
        )
        match answer.get("error"):
            case None:
                pass
            case "authorization_pending":
                return Pending(slower=False)
            case "slow_down":
                return Pending(slower=True)
            case "access_denied":
                raise Unauthenticated("The login was refused at the issuer.")
            case "expired_token" | "invalid_grant":
                raise Unauthenticated("This login has ended; begin another.")
            case other:
                raise self._unfit(f"it answers {other!r} when asked for a token")
        text = str(answer["id_token"])
        try:
            claims = read_id_token(text, await self._key(key_id(text)), self.settings, nonce, dt.datetime.now(dt.UTC))
        except BadIdTokenError as error:
            _LOG.warning("an ID token of %s was refused: %s", self.settings.url, error)
            raise Unauthenticated("The issuer's answer cannot be trusted; ask an administrator to look.") from None
        return read_account(claims, self.settings)

    async def _described(self) -> _Answer:
        async def read() -> _Answer:
            found = await self._ask(self.settings.url.rstrip("/") + _DESCRIPTION, None, "token_endpoint")
            if found.get("issuer") != self.settings.url:
                raise self._unfit(f"it calls itself {found.get('issuer')!r}")
            return found

        return await self._description.current(read)

    async def _key(self, named: str | None) -> Key:
        """Return the issuer's key of an id; the only one if no id is named.

        Raises:
            BadIdTokenError: There is none.
            Unavailable: The issuer does not answer, and its keys were never read.
        """

        async def read() -> dict[str | None, Key]:
            description = await self._described()
            return _read_keys((await self._ask(str(description.get("jwks_uri")), None, "keys"))["keys"])

        keys = await self._keys.current(read, wanted=named)
        if named is None and len(keys) == 1:
            return next(iter(keys.values()))
        if named not in keys:
            raise BadIdTokenError("its key is not one of the issuer's")
        return keys[named]

    async def _ask(self, url: str, form: Mapping[str, str] | None, expected: str) -> _Answer:
        """Ask the issuer for a JSON object, which has an expected member, or `error`."""
        try:
            async with asyncio.timeout(ANSWER_S):
                exchange = partial(_exchange, self._opener, self._request(url, form), time.monotonic() + ANSWER_S)
                answer = await asyncio.get_running_loop().run_in_executor(self._threads, exchange)
        except (OSError, TimeoutError, http.client.HTTPException, ValueError, RecursionError) as error:
            _LOG.warning("the issuer %s does not answer: %s: %s", self.settings.url, type(error).__name__, error)
            raise Unavailable(
                f"The issuer of identities at {self.settings.url} does not answer; try again later."
            ) from None
        if not isinstance(answer, dict) or not ("error" in answer or expected in answer):
            raise self._unfit(f"its answer has no `{expected}`")
        return answer

    def _unfit(self, why: str) -> Unavailable:
        """Return the error for an issuer that answers otherwise than it should; the log alone says why."""
        _LOG.warning("the issuer %s cannot be used: %s", self.settings.url, why[:_LOGGED])
        return Unavailable(f"Nobody can log in by {self.settings.url} now; the server's log says why.")

    def _request(self, url: str, form: Mapping[str, str] | None) -> urllib.request.Request:
        if not _is_safe(url):
            raise self._unfit(f"it names {url!r}, which is not an address with TLS")
        headers = {"Accept": "application/json"}
        if form is None:
            return urllib.request.Request(url, headers=headers)
        content = {**form, "client_id": self.settings.client_id}
        if self.settings.client_secret is not None:
            pair = f"{quote_plus(self.settings.client_id)}:{quote_plus(self.settings.client_secret)}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        return urllib.request.Request(url, urlencode(content).encode(), headers)


class _Turns:
    """The turns of calls to ask the issuer; if calls wait, the next is one of the host with the fewest turns."""

    def __init__(self) -> None:
        self._taken: Counter[str] = Counter()
        self._line: list[tuple[str, asyncio.Future[None]]] = []

    async def take(self, host: str) -> None:
        """Take a turn, once there is one."""
        turn = asyncio.get_running_loop().create_future()
        self._line.append((host, turn))
        self._pass_on()
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self.give_back(host)  # it came too late
            raise

    def give_back(self, host: str) -> None:
        """Return a turn of a host, which goes to the next."""
        self._taken[host] -= 1
        if not self._taken[host]:
            del self._taken[host]
        self._pass_on()

    def _pass_on(self) -> None:
        self._line = [(host, turn) for host, turn in self._line if not turn.cancelled()]
        while self._line and self._taken.total() < THREADS:
            host, turn = chosen = min(self._line, key=lambda one: self._taken[one[0]])
            self._line.remove(chosen)
            self._taken[host] += 1
            turn.set_result(None)


class _Kept(Generic[_Content]):
    """Something that was read from the issuer; while the issuer is away, it is used further."""

    def __init__(self) -> None:
        self._content: _Content | None = None
        self._asked = 0.0
        self._answered = False

    async def current(self, read: Callable[[], Awaitable[_Content]], wanted: str | None = None) -> _Content:
        """Return it, after reading it again if it is old, or lacks something.

        Args:
            read: Reads it.
            wanted: The member that it should have; None for any.

        Raises:
            Unavailable: The issuer does not answer, and it was never read.
        """
        now = time.monotonic()
        lacking = self._content is not None and wanted is not None and wanted not in self._content
        pause_s = KEEP_S if self._answered and not lacking else LEAST_S
        if self._content is None or now >= self._asked + pause_s:
            self._asked, self._answered = now, False
            try:
                self._content = await read()
                self._answered = True
            except Unavailable:
                if self._content is None:
                    raise
        return self._content


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """An issuer that sends us elsewhere is not the issuer that was configured."""

    def redirect_request(self, *_: object) -> None:
        return None


def check_url(url: str) -> None:
    """Check that an address of an issuer begins with https://, or is on this machine.

    Raises:
        InvalidRequest: It does not.
    """
    if not _is_safe(url):
        raise InvalidRequest(f"{url!r} is not the address of an issuer; write one that begins with https://.")


def _is_safe(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _HERE)


def _exchange(opener: urllib.request.OpenerDirector, request: urllib.request.Request, deadline: float) -> object:
    """Send a request, in a thread, and return the JSON of its answer, or of its refusal."""
    try:
        response = opener.open(request, timeout=STEP_S)
    except urllib.error.HTTPError as refusal:
        response = refusal
    content = b""
    with response:
        if response.status not in _STATUSES:
            raise ValueError(f"status {response.status}")
        while part := response.read1(_CHUNK_BYTES):
            content += part
            if len(content) > ANSWER_BYTES:
                raise ValueError(f"more than {ANSWER_BYTES} bytes")
            if time.monotonic() > deadline:
                raise TimeoutError
    return json.loads(content, parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _read_keys(content: object) -> dict[str | None, Key]:
    """Read the keys for signatures, by id, without keys of kinds that this server cannot use."""
    found: dict[str | None, Key] = {}
    for one in content if isinstance(content, list) else ():
        if not isinstance(one, dict) or one.get("kty") not in _KEY_TYPES or one.get("use", "sig") != "sig":
            continue
        try:
            key = import_key(one)
        except (JoseError, ValueError, TypeError, KeyError):
            continue
        found[key.kid] = key
    return found


def _shown(value: object) -> str:
    """Check something that users see.

    Raises:
        ValueError: It is not printable, or too long.
    """
    if not isinstance(value, str) or not _SHOWN.fullmatch(value):
        raise ValueError("not printable")
    return value


def _page(value: object) -> str:
    """Check the address of a page, as `_shown`."""
    page = _shown(value)
    if not _is_safe(page):
        raise ValueError("not an address")
    return page

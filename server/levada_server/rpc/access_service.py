"""AccessService: decode, one operation, encode."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING
from uuid import UUID

from levada_api.v1 import access_pb2
from levada_api.v1 import access_service_pb2 as pb
from levada_server.errors import InvalidRequest, PermissionDenied
from levada_server.model.table import TableName
from levada_server.operations import browsers, logins, users
from levada_server.rpc.browser import Cookie
from levada_server.rpc.decoding import values
from levada_server.rpc.page_token import page

if TYPE_CHECKING:
    from levada_server.permissions.roles import Role
    from levada_server.rpc.browser import BrowserContext
    from levada_server.rpc.dispatch import Call
    from levada_server.storage.permissions.grants import GrantSummary
    from levada_server.storage.permissions.tokens import TokenSummary
    from levada_server.storage.permissions.users import UserSummary

PAGE_SIZE_DEFAULT = 1_000


class AccessService:
    """Keeps users, teams, tokens and grants, and signs browsers in.

    Args:
        door: The port of the dashboard.
    """

    def __init__(self, door: browsers.Door) -> None:
        self._door = door

    async def StartLogin(self, _request: pb.StartLoginRequest, call: Call) -> pb.StartLoginResponse:
        """Begin a login at the issuer of identities."""
        started, login = await logins.start_login(call.engine, call.caller)
        answer = pb.StartLoginResponse(
            login=login, page=started.page, code=started.code, page_with_code=started.page_with_code
        )
        answer.interval.FromTimedelta(dt.timedelta(seconds=started.interval_s))
        answer.lifetime.FromTimedelta(dt.timedelta(seconds=started.lifetime_s))
        return answer

    async def PollLogin(self, request: pb.PollLoginRequest, call: Call) -> pb.PollLoginResponse:
        """Make a token once the user has logged in."""
        made = await logins.poll_login(call.engine, call.caller, request.login)
        if isinstance(made, tuple):
            return pb.PollLoginResponse(secret=made[0], token=_token(made[1]))
        answer = pb.PollLoginResponse()
        answer.interval.FromTimedelta(dt.timedelta(seconds=made))
        return answer

    async def GetCaller(self, _request: pb.GetCallerRequest, call: Call) -> pb.GetCallerResponse:
        """Return who calls, and with which roles."""
        user, grants, token = await users.get_caller(call.engine, call.caller)
        shown = _user(user) if user is not None else access_pb2.User(name=call.caller.identity.user, administrator=True)
        return pb.GetCallerResponse(
            user=shown, grants=map(_grant, grants), token=None if token is None else _token(token)
        )

    async def CreateUser(self, request: pb.CreateUserRequest, call: Call) -> pb.CreateUserResponse:
        """Add a user."""
        user = await users.create_user(
            call.engine,
            call.caller,
            request.name,
            tuple(request.schema_prefixes),
            administrator=request.administrator,
        )
        return pb.CreateUserResponse(user=_user(user))

    async def UpdateUser(self, request: pb.UpdateUserRequest, call: Call) -> pb.UpdateUserResponse:
        """Change a user."""
        user = await users.update_user(
            call.engine,
            call.caller,
            request.name,
            administrator=request.administrator if request.HasField("administrator") else None,
            prefixes=tuple(request.schema_prefixes) if request.set_schema_prefixes else None,
            disabled=request.disabled if request.HasField("disabled") else None,
            forget_account=request.forget_account,
        )
        return pb.UpdateUserResponse(user=_user(user))

    async def ListUsers(self, request: pb.ListUsersRequest, call: Call) -> pb.ListUsersResponse:
        """List the users by name."""
        size = values.page_size(request.page_size, default=PAGE_SIZE_DEFAULT)
        found = await users.list_users(call.engine, call.caller)
        shown, next_token = page(found, lambda user: user.name, size=size, token=request.page_token)
        return pb.ListUsersResponse(users=map(_user, shown), next_page_token=next_token)

    async def SetTeam(self, request: pb.SetTeamRequest, call: Call) -> pb.SetTeamResponse:
        """Set the members of a team."""
        await users.set_team(call.engine, call.caller, request.name, tuple(request.members))
        return pb.SetTeamResponse()

    async def CreateToken(self, request: pb.CreateTokenRequest, call: Call) -> pb.CreateTokenResponse:
        """Make a token."""
        secret, token = await users.create_token(
            call.engine,
            call.caller,
            request.user,
            request.label,
            values.duration(request.lifetime) if request.HasField("lifetime") else None,
            [(values.role(scope.role), TableName(scope.schema, scope.table)) for scope in request.scopes],
        )
        return pb.CreateTokenResponse(secret=secret, token=_token(token))

    async def ListTokens(self, request: pb.ListTokensRequest, call: Call) -> pb.ListTokensResponse:
        """List valid tokens."""
        size = values.page_size(request.page_size, default=PAGE_SIZE_DEFAULT)
        found = await users.list_tokens(call.engine, call.caller)
        shown, next_token = page(found, lambda token: str(token.id), size=size, token=request.page_token)
        return pb.ListTokensResponse(tokens=map(_token, shown), next_page_token=next_token)

    async def RevokeTokens(self, request: pb.RevokeTokensRequest, call: Call) -> pb.RevokeTokensResponse:
        """Revoke tokens."""
        count = await users.revoke_tokens(
            call.engine, call.caller, user=request.user, id_=_token_id(request.id), everybody=request.all
        )
        return pb.RevokeTokensResponse(count=count)

    async def GrantRole(self, request: pb.GrantRoleRequest, call: Call) -> pb.GrantRoleResponse:
        """Grant a role."""
        await users.grant_role(call.engine, call.caller, *_granted(request.grant))
        return pb.GrantRoleResponse()

    async def RevokeRole(self, request: pb.RevokeRoleRequest, call: Call) -> pb.RevokeRoleResponse:
        """Take a role back."""
        await users.revoke_role(call.engine, call.caller, *_granted(request.grant))
        return pb.RevokeRoleResponse()

    async def ListGrants(self, request: pb.ListGrantsRequest, call: Call) -> pb.ListGrantsResponse:
        """List the grants on a schema."""
        size = values.page_size(request.page_size, default=PAGE_SIZE_DEFAULT)
        found = await users.list_grants(call.engine, call.caller, request.schema)
        shown, next_token = page(
            found,
            lambda grant: f"{grant.table} {grant.grantee} {grant.role.value}",
            size=size,
            token=request.page_token,
        )
        return pb.ListGrantsResponse(grants=map(_grant, shown), next_page_token=next_token)

    async def OpenDashboard(self, _request: pb.OpenDashboardRequest, call: Call) -> pb.OpenDashboardResponse:
        """Make a code for a browser, and open the dashboard's port."""
        url, code = await browsers.open_dashboard(call.engine, call.caller, self._door)
        answer = pb.OpenDashboardResponse(url=url, code=code)
        answer.lifetime.FromTimedelta(browsers.CODE_LIFETIME)
        return answer

    async def ExchangeCode(self, request: pb.ExchangeCodeRequest, call: Call) -> pb.ExchangeCodeResponse:
        """Turn a code into a session of the browser that calls."""
        browser = _browser(call)
        _keep(browser, await browsers.exchange_code(call.engine, call.caller, request.code))
        answer = pb.ExchangeCodeResponse()
        answer.lifetime.FromTimedelta(browsers.SESSION_LIFETIME)
        return answer

    async def CreateBrowserSession(
        self, _request: pb.CreateBrowserSessionRequest, call: Call
    ) -> pb.CreateBrowserSessionResponse:
        """Turn the token of the call into a session of the browser that calls."""
        browser = _browser(call)
        _keep(browser, await browsers.create_session(call.engine, call.caller))
        answer = pb.CreateBrowserSessionResponse()
        answer.lifetime.FromTimedelta(browsers.SESSION_LIFETIME)
        return answer

    async def DeleteBrowserSession(
        self, _request: pb.DeleteBrowserSessionRequest, call: Call
    ) -> pb.DeleteBrowserSessionResponse:
        """End the session of the browser that calls."""
        await browsers.end_session(call.engine, call.caller)
        if call.browser is not None:
            call.browser.cookie = Cookie("", 0)
        return pb.DeleteBrowserSessionResponse()


def _browser(call: Call) -> BrowserContext:
    if call.browser is None:
        raise PermissionDenied("Only browsers have sessions; other clients send their token.")
    return call.browser


def _keep(browser: BrowserContext, secret: str) -> None:
    browser.cookie = Cookie(secret, int(browsers.SESSION_LIFETIME.total_seconds()))


def _granted(grant: access_pb2.Grant) -> tuple[str, Role, TableName]:
    return grant.grantee, values.role(grant.role), TableName(grant.schema, grant.table)


def _token_id(text: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        raise InvalidRequest("`id` is not the id of a token; `levada tokens list` lists them.", field="id") from None


def _user(user: UserSummary) -> access_pb2.User:
    message = access_pb2.User(
        name=user.name,
        administrator=user.administrator,
        schema_prefixes=user.prefixes,
        disabled=user.disabled,
        teams=user.teams,
    )
    message.create_time.FromDatetime(user.created)
    return message


def _grant(grant: GrantSummary) -> access_pb2.Grant:
    message = access_pb2.Grant(
        grantee=grant.grantee,
        role=_role_message(grant.role),
        schema=grant.schema,
        table=grant.table,
    )
    message.create_time.FromDatetime(grant.created)
    return message


def _token(token: TokenSummary) -> access_pb2.Token:
    message = access_pb2.Token(
        id=str(token.id),
        user=token.user,
        label=token.label,
        scoped=token.scopes is not None,
        scopes=[
            access_pb2.Scope(role=_role_message(role), schema=schema, table=table)
            for role, schema, table in token.scopes or ()
        ],
    )
    message.create_time.FromDatetime(token.created)
    if token.expires is not None:
        message.expire_time.FromDatetime(token.expires)
    if token.used is not None:
        message.use_time.FromDatetime(token.used)
    return message


def _role_message(role: Role) -> str:
    return f"ROLE_{role.name}"

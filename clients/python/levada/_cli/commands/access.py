"""The commands `levada users`, `teams`, `tokens`, `grants`, `ownership`, `whoami`, `login` and `logout`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from levada._base.errors import InvalidRequest
from levada._base.text import plural
from levada._cli.asking import agreed
from levada._cli.grammar.access import ROLES
from levada._cli.output import print_facts, print_json, print_records, print_table
from levada._net.address import open_connection
from levada._net.credentials import forget_credential
from levada._net.login import login
from levada._net.pages import pages
from levada_api.v1 import access_pb2, schema_pb2, schema_service_pb2
from levada_api.v1 import access_service_pb2 as pb

if TYPE_CHECKING:
    import argparse

    from levada._net.connection import Connection

_DAY_S = 86_400


def whoami(connection: Connection, options: argparse.Namespace) -> int:
    """Show as whom the caller calls."""
    answer = connection.call("AccessService/GetCaller", pb.GetCallerRequest(), pb.GetCallerResponse)
    user, token = answer.user, answer.token if answer.HasField("token") else None
    grants = [(_role(grant.role), _thing(grant.schema, grant.table)) for grant in answer.grants]
    if options.json:
        print_json(
            {
                "user": user.name,
                "administrator": user.administrator,
                "teams": list(user.teams),
                "creates": list(user.schema_prefixes),
                "token": token.id if token else None,
                "grants": [{"role": role, "on": thing} for role, thing in grants],
            }
        )
        return 0
    facts = {
        "user": f"{user.name}{' (administrator)' if user.administrator else ''}",
        "teams": ", ".join(user.teams),
        "creates": ", ".join(f"{prefix}…" for prefix in user.schema_prefixes),
        "token": f"{token.id}, valid {_until(token)}" if token else "",
    }
    print_facts({name: value for name, value in facts.items() if value}, as_json=False)
    if grants:
        print()
        print_table(("role", "on"), grants)
    return 0


def list_users(connection: Connection, options: argparse.Namespace) -> int:
    """List the users."""
    listed = pages(connection, "AccessService/ListUsers", pb.ListUsersRequest(), pb.ListUsersResponse)
    users = [user for page in listed for user in page.users]
    if options.json:
        for user in users:
            rights = {"administrator": user.administrator, "disabled": user.disabled}
            print_json({"user": user.name, **rights, "creates": list(user.schema_prefixes), "teams": list(user.teams)})
        return 0
    rows = [
        (
            user.name,
            "disabled" if user.disabled else "administrator" if user.administrator else "",
            ", ".join(f"{prefix}…" for prefix in user.schema_prefixes),
            ", ".join(user.teams),
        )
        for user in users
    ]
    print_table(("user", "", "creates", "teams"), rows)
    return 0


def add_user(connection: Connection, options: argparse.Namespace) -> int:
    """Add a user, and show a token once."""
    request = pb.CreateUserRequest(
        name=options.name, administrator=options.administrator, schema_prefixes=options.schemas or ()
    )
    connection.call("AccessService/CreateUser", request, pb.CreateUserResponse)
    if not options.json:
        print(f"{options.name} was added.")
    return _show_token(connection, pb.CreateTokenRequest(user=options.name, label="first"), options)


def change_user(connection: Connection, options: argparse.Namespace) -> int:
    """Change a user."""
    request = pb.UpdateUserRequest(
        name=options.name,
        set_schema_prefixes=options.schemas is not None,
        schema_prefixes=options.schemas or (),
        forget_account=options.forget_account,
    )
    if options.administrator or options.no_administrator:
        request.administrator = not options.no_administrator
    connection.call("AccessService/UpdateUser", request, pb.UpdateUserResponse)
    return 0


def switch_user(connection: Connection, options: argparse.Namespace) -> int:
    """Disable or enable a user."""
    request = pb.UpdateUserRequest(name=options.name, disabled=options.disabled)
    connection.call("AccessService/UpdateUser", request, pb.UpdateUserResponse)
    return 0


def set_team(connection: Connection, options: argparse.Namespace) -> int:
    """Set the members of a team."""
    request = pb.SetTeamRequest(name=options.name, members=options.members)
    connection.call("AccessService/SetTeam", request, pb.SetTeamResponse)
    return 0


def list_tokens(connection: Connection, options: argparse.Namespace) -> int:
    """List valid tokens."""
    listed = pages(connection, "AccessService/ListTokens", pb.ListTokensRequest(), pb.ListTokensResponse)
    tokens = [token for page in listed for token in page.tokens]
    if options.json:
        for token in tokens:
            print_json(
                {
                    "token": token.id,
                    "user": token.user,
                    "label": token.label,
                    "valid_until": token.expire_time.ToDatetime() if token.HasField("expire_time") else None,
                    "used": token.use_time.ToDatetime() if token.HasField("use_time") else None,
                    "scopes": _scopes(token) if token.scoped else None,
                }
            )
        return 0
    rows = [
        (
            token.id,
            token.user,
            token.label,
            _until(token),
            f"{token.use_time.ToDatetime():%Y-%m-%d}" if token.HasField("use_time") else "never",
            ", ".join(_scopes(token)) if token.scoped else "",
        )
        for token in tokens
    ]
    print_table(("token", "user", "label", "valid", "used", "scopes"), rows)
    return 0


def _scopes(token: access_pb2.Token) -> list[str]:
    return [f"{_role(scope.role)}:{_thing(scope.schema, scope.table)}" for scope in token.scopes]


def make_token(connection: Connection, options: argparse.Namespace) -> int:
    """Make a token, and show it once."""
    request = pb.CreateTokenRequest(user=options.user, label=options.label, scopes=map(_scope, options.scope))
    return _show_token(connection, request, options)


def _show_token(connection: Connection, request: pb.CreateTokenRequest, options: argparse.Namespace) -> int:
    request.lifetime.FromSeconds(options.days * _DAY_S)
    answer = connection.call("AccessService/CreateToken", request, pb.CreateTokenResponse)
    if options.json:
        until = answer.token.expire_time.ToDatetime() if answer.token.HasField("expire_time") else None
        about = {"user": answer.token.user, "token": answer.token.id, "valid_until": until}
        print_json(about | {"secret": answer.secret})
        return 0
    print(f"Token of {answer.token.user}, valid {_until(answer.token)}. It is shown only now:", file=sys.stderr)
    print(answer.secret)
    return 0


def revoke_tokens(connection: Connection, options: argparse.Namespace) -> int:
    """Revoke tokens."""
    if options.all and not agreed(["About to revoke all tokens of everybody."], "Revoke them?", options):
        return 1
    request = pb.RevokeTokensRequest(id=options.id, user=options.user, all=options.all)
    answer = connection.call("AccessService/RevokeTokens", request, pb.RevokeTokensResponse)
    if options.json:
        print_json({"revoked": answer.count})
    else:
        print(f"{plural(answer.count, 'token')} revoked")
    return 0


def list_grants(connection: Connection, options: argparse.Namespace) -> int:
    """List the grants on a schema and its tables."""
    request = pb.ListGrantsRequest(schema=options.schema)
    listed = pages(connection, "AccessService/ListGrants", request, pb.ListGrantsResponse)
    rows = [(g.grantee, _role(g.role), _thing(g.schema, g.table)) for page in listed for g in page.grants]
    print_records(("who", "role", "on"), rows, as_json=options.json)
    return 0


def change_grant(connection: Connection, options: argparse.Namespace) -> int:
    """Grant a role, or take it back."""
    schema, _, table = options.name.partition(".")
    grant = access_pb2.Grant(grantee=options.grantee, role=_role_value(options.role), schema=schema, table=table)
    if options.granting:
        connection.call("AccessService/GrantRole", pb.GrantRoleRequest(grant=grant), pb.GrantRoleResponse)
    else:
        connection.call("AccessService/RevokeRole", pb.RevokeRoleRequest(grant=grant), pb.RevokeRoleResponse)
    return 0


def ownership(connection: Connection, options: argparse.Namespace) -> int:
    """Show or set to whom the rows of a table belong."""
    schema, _, table = options.table.partition(".")
    name = schema_pb2.TableName(schema=schema, table=table)
    if options.hidden and options.attribute is None:
        raise InvalidRequest("Name the attribute that names the team of a row, as in --attribute team --hidden.")
    if options.attribute is None and not options.end:
        described = schema_service_pb2.DescribeTableRequest(name=name)
        found = connection.call(
            "SchemaService/DescribeTable", described, schema_service_pb2.DescribeTableResponse
        ).table
    else:
        request = schema_service_pb2.SetOwnershipRequest(name=name)
        if options.attribute is not None:
            request.ownership.attribute, request.ownership.hidden = options.attribute, options.hidden
        found = connection.call("SchemaService/SetOwnership", request, schema_service_pb2.SetOwnershipResponse).table
    rule = found.ownership if found.HasField("ownership") else None
    if options.json:
        names = (rule.attribute, rule.hidden) if rule else (None, False)
        print_json({"table": options.table, "attribute": names[0], "hidden": names[1]})
    elif rule:
        others = "others do not read them" if rule.hidden else "others read them"
        print(f"rows of {options.table} belong to the team that `{rule.attribute}` names; {others}")
    else:
        print(f"rows of {options.table} name no team")
    return 0


def login_here(options: argparse.Namespace) -> int:
    """Keep a token for a server."""
    login(options.server).close()
    return 0


def logout_here(options: argparse.Namespace) -> int:
    """Revoke the token of a server if it still answers, and forget it."""
    with open_connection(options.server) as connection:
        answer = connection.call("AccessService/GetCaller", pb.GetCallerRequest(), pb.GetCallerResponse)
        if answer.HasField("token"):
            request = pb.RevokeTokensRequest(id=answer.token.id)
            connection.call("AccessService/RevokeTokens", request, pb.RevokeTokensResponse)
    if not forget_credential(options.server):
        print(f"no token of {options.server} was kept", file=sys.stderr)
        return 1
    return 0


def _scope(text: str) -> access_pb2.Scope:
    role, colon, name = text.partition(":")
    if not colon or role not in ROLES or not name:
        raise InvalidRequest(f"{text!r} is not a scope; write one as viewer:lab or worker:lab.Spikes.")
    schema, _, table = name.partition(".")
    return access_pb2.Scope(role=_role_value(role), schema=schema, table=table)


def _role_value(role: str) -> str:
    return f"ROLE_{role.upper()}"


def _role(role: int) -> str:
    return access_pb2.Role.Name(role).removeprefix("ROLE_").lower()


def _thing(schema: str, table: str) -> str:
    return f"{schema}.{table}" if table else schema


def _until(token: access_pb2.Token) -> str:
    if not token.HasField("expire_time"):
        return "without end"
    return f"until {token.expire_time.ToDatetime():%Y-%m-%d %H:%M} UTC"

"""The commands `levada users`, `teams`, `tokens`, `grants`, `ownership`, `whoami`, `login` and `logout`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from levada._base.errors import InvalidRequest
from levada._cli.output import print_table
from levada._net.address import open_connection
from levada._net.credentials import forget_credential
from levada._net.login import login
from levada._net.pages import pages
from levada_api.v1 import access_pb2, schema_pb2, schema_service_pb2
from levada_api.v1 import access_service_pb2 as pb

if TYPE_CHECKING:
    import argparse

    from levada._net.connection import Connection

_ROLES = tuple(role.name.removeprefix("ROLE_").lower() for role in access_pb2.Role.DESCRIPTOR.values if role.number)
_DAY_S = 86_400


def add_commands(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], server: argparse.ArgumentParser
) -> None:
    """Add them to the command line.

    Args:
        server: The options of every command that contacts a server.
    """
    whoami = commands.add_parser("whoami", parents=[server], help="show as whom you call, and what you may do")
    whoami.set_defaults(run=_whoami)
    login = commands.add_parser("login", help="keep a token for a server")
    login.add_argument("server", help="its address, as host:port")
    login.set_defaults(run_alone=_login)
    logout = commands.add_parser("logout", help="forget the token of a server, and revoke it there")
    logout.add_argument("server", help="its address, as host:port")
    logout.set_defaults(run_alone=_logout)
    _add_users(commands, server)
    _add_tokens(commands, server)
    _add_grants(commands, server)


def _add_users(commands: argparse._SubParsersAction[argparse.ArgumentParser], server: argparse.ArgumentParser) -> None:
    users = commands.add_parser("users", help="add, list and change users, as an administrator")
    actions = users.add_subparsers(dest="action", metavar="ACTION", required=True)
    listed = actions.add_parser("list", parents=[server], help="list the users")
    listed.set_defaults(run=_list_users)
    added = actions.add_parser("add", parents=[server], help="add a user, and show a token for that user, once")
    added.add_argument("name", help="the user's name, such as anna")
    _add_user_options(added)
    added.add_argument("--days", type=int, default=30, help="how long the token is valid; 0: no end (default: 30)")
    added.set_defaults(run=_add_user)
    changed = actions.add_parser("change", parents=[server], help="change what a user may do anywhere")
    changed.add_argument("name", help="the user's name")
    _add_user_options(changed)
    changed.add_argument("--no-administrator", action="store_true", help="no longer an administrator")
    changed.add_argument(
        "--forget-account",
        action="store_true",
        help="let another account of this name at the issuer of identities log in as the user",
    )
    changed.set_defaults(run=_change_user)
    for action, disabled, what in (
        ("disable", True, "end all that a user does, at once: tokens, streams and jobs"),
        ("enable", False, "let a disabled user call again, with the tokens of before"),
    ):
        switched = actions.add_parser(action, parents=[server], help=what)
        switched.add_argument("name", help="the user's name")
        switched.set_defaults(run=_switch_user, disabled=disabled)

    teams = commands.add_parser("teams", help="put users together, to grant roles to all at once")
    acting = teams.add_subparsers(dest="action", metavar="ACTION", required=True)
    team = acting.add_parser("set", parents=[server], help="set the members of a team")
    team.add_argument("name", help="the team's name")
    team.add_argument("members", nargs="*", help="all its members; with none the team ends")
    team.set_defaults(run=_set_team)


def _add_user_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--administrator", action="store_true", help="may do everything")
    parser.add_argument(
        "--schemas",
        action="append",
        metavar="PREFIX",
        help="may create schemas whose names begin so, such as anna_; repeat it for more; '' allows all names",
    )


def _add_tokens(commands: argparse._SubParsersAction[argparse.ArgumentParser], server: argparse.ArgumentParser) -> None:
    tokens = commands.add_parser("tokens", help="make, list and revoke tokens")
    actions = tokens.add_subparsers(dest="action", metavar="ACTION", required=True)
    listed = actions.add_parser("list", parents=[server], help="list your valid tokens; all, as an administrator")
    listed.set_defaults(run=_list_tokens)
    made = actions.add_parser("make", parents=[server], help="make a token, and show it, once")
    made.add_argument("--user", default="", help="for whom, as an administrator (default: yourself)")
    made.add_argument("--label", default="", help="what it is for")
    made.add_argument("--days", type=int, default=30, help="how long it is valid; 0: no end (default: 30)")
    made.add_argument(
        "--scope",
        action="append",
        default=[],
        metavar="ROLE:NAME",
        help="allow no more than a role on a schema or table, such as viewer:lab or worker:lab.Spikes",
    )
    made.set_defaults(run=_make_token)
    revoked = actions.add_parser("revoke", parents=[server], help="revoke tokens at once")
    chosen = revoked.add_mutually_exclusive_group(required=True)
    chosen.add_argument("id", nargs="?", default="", help="the id of one token")
    chosen.add_argument("--user", default="", help="all tokens of a user")
    chosen.add_argument("--all", action="store_true", help="all tokens of everybody")
    revoked.set_defaults(run=_revoke_tokens)


def _add_grants(commands: argparse._SubParsersAction[argparse.ArgumentParser], server: argparse.ArgumentParser) -> None:
    grants = commands.add_parser("grants", help="grant roles on schemas and tables, as their owner")
    actions = grants.add_subparsers(dest="action", metavar="ACTION", required=True)
    listed = actions.add_parser("list", parents=[server], help="list the grants on a schema and its tables")
    listed.add_argument("schema", help="its name")
    listed.set_defaults(run=_list_grants)
    for action, what in (("add", "grant a role"), ("remove", "take a role back")):
        acting = actions.add_parser(action, parents=[server], help=what)
        acting.add_argument("role", choices=_ROLES, help=", ".join(_ROLES), metavar="ROLE")
        acting.add_argument("name", help="a schema, or schema.Table with its parts")
        acting.add_argument("grantee", help="a user's name, or team:NAME")
        acting.set_defaults(run=_change_grant, granting=action == "add")
    rows = commands.add_parser(
        "ownership", parents=[server], help="let the rows of a table belong to teams, as its owner"
    )
    rows.add_argument("name", help="schema.Table")
    rule = rows.add_mutually_exclusive_group()
    rule.add_argument("--attribute", help="the attribute that names the team of a row")
    rule.add_argument("--end", action="store_true", help="rows belong to nobody any more")
    rows.add_argument("--hidden", action="store_true", help="others do not read the rows either")
    rows.set_defaults(run=_ownership)


def _whoami(connection: Connection, _options: argparse.Namespace) -> int:
    answer = connection.call("AccessService/GetCaller", pb.GetCallerRequest(), pb.GetCallerResponse)
    print(f"user     {answer.user.name}{' (administrator)' if answer.user.administrator else ''}")
    if answer.user.teams:
        print(f"teams    {', '.join(answer.user.teams)}")
    if answer.user.schema_prefixes:
        print(f"creates  {', '.join(f'{prefix}…' for prefix in answer.user.schema_prefixes)}")
    if answer.HasField("token"):
        print(f"token    {answer.token.id}, valid {_until(answer.token)}")
    if answer.grants:
        print()
        print_table(("role", "on"), [(_role(grant.role), _thing(grant.schema, grant.table)) for grant in answer.grants])
    return 0


def _list_users(connection: Connection, _options: argparse.Namespace) -> int:
    listed = pages(connection, "AccessService/ListUsers", pb.ListUsersRequest(), pb.ListUsersResponse)
    rows = [
        (
            user.name,
            "disabled" if user.disabled else "administrator" if user.administrator else "",
            ", ".join(f"{prefix}…" for prefix in user.schema_prefixes),
            ", ".join(user.teams),
        )
        for page in listed
        for user in page.users
    ]
    print_table(("user", "", "creates", "teams"), rows)
    return 0


def _add_user(connection: Connection, options: argparse.Namespace) -> int:
    request = pb.CreateUserRequest(
        name=options.name, administrator=options.administrator, schema_prefixes=options.schemas or ()
    )
    connection.call("AccessService/CreateUser", request, pb.CreateUserResponse)
    print(f"{options.name} was added.")
    return _show_token(connection, pb.CreateTokenRequest(user=options.name, label="first"), options.days)


def _change_user(connection: Connection, options: argparse.Namespace) -> int:
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


def _switch_user(connection: Connection, options: argparse.Namespace) -> int:
    request = pb.UpdateUserRequest(name=options.name, disabled=options.disabled)
    connection.call("AccessService/UpdateUser", request, pb.UpdateUserResponse)
    return 0


def _set_team(connection: Connection, options: argparse.Namespace) -> int:
    request = pb.SetTeamRequest(name=options.name, members=options.members)
    connection.call("AccessService/SetTeam", request, pb.SetTeamResponse)
    return 0


def _list_tokens(connection: Connection, _options: argparse.Namespace) -> int:
    listed = pages(connection, "AccessService/ListTokens", pb.ListTokensRequest(), pb.ListTokensResponse)
    rows = [
        (
            token.id,
            token.user,
            token.label,
            _until(token),
            f"{token.use_time.ToDatetime():%Y-%m-%d}" if token.HasField("use_time") else "never",
            ", ".join(f"{_role(s.role)}:{_thing(s.schema, s.table)}" for s in token.scopes) if token.scoped else "",
        )
        for page in listed
        for token in page.tokens
    ]
    print_table(("token", "user", "label", "valid", "used", "scopes"), rows)
    return 0


def _make_token(connection: Connection, options: argparse.Namespace) -> int:
    request = pb.CreateTokenRequest(user=options.user, label=options.label, scopes=map(_scope, options.scope))
    return _show_token(connection, request, options.days)


def _show_token(connection: Connection, request: pb.CreateTokenRequest, days: int) -> int:
    request.lifetime.FromSeconds(days * _DAY_S)
    answer = connection.call("AccessService/CreateToken", request, pb.CreateTokenResponse)
    print(f"Token of {answer.token.user}, valid {_until(answer.token)}. It is shown only now:", file=sys.stderr)
    print(answer.secret)
    return 0


def _revoke_tokens(connection: Connection, options: argparse.Namespace) -> int:
    request = pb.RevokeTokensRequest(id=options.id, user=options.user, all=options.all)
    answer = connection.call("AccessService/RevokeTokens", request, pb.RevokeTokensResponse)
    print(f"{answer.count} tokens were revoked")
    return 0


def _list_grants(connection: Connection, options: argparse.Namespace) -> int:
    request = pb.ListGrantsRequest(schema=options.schema)
    listed = pages(connection, "AccessService/ListGrants", request, pb.ListGrantsResponse)
    rows = [(g.grantee, _role(g.role), _thing(g.schema, g.table)) for page in listed for g in page.grants]
    print_table(("who", "role", "on"), rows)
    return 0


def _change_grant(connection: Connection, options: argparse.Namespace) -> int:
    schema, _, table = options.name.partition(".")
    grant = access_pb2.Grant(grantee=options.grantee, role=_role_value(options.role), schema=schema, table=table)
    if options.granting:
        connection.call("AccessService/GrantRole", pb.GrantRoleRequest(grant=grant), pb.GrantRoleResponse)
    else:
        connection.call("AccessService/RevokeRole", pb.RevokeRoleRequest(grant=grant), pb.RevokeRoleResponse)
    return 0


def _ownership(connection: Connection, options: argparse.Namespace) -> int:
    schema, _, table = options.name.partition(".")
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
    if found.HasField("ownership"):
        rule = found.ownership
        others = "others do not read them" if rule.hidden else "others read them"
        print(f"rows of {options.name} belong to the team that `{rule.attribute}` names; {others}")
    else:
        print(f"rows of {options.name} name no team")
    return 0


def _login(options: argparse.Namespace) -> int:
    """Keep a token for a server."""
    login(options.server).close()
    return 0


def _logout(options: argparse.Namespace) -> int:
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
    if not colon or role not in _ROLES or not name:
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

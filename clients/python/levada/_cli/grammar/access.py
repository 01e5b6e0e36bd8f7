"""The commands about people: users, teams, tokens, grants, rows of teams, the audit, and logging in."""

from __future__ import annotations

import argparse
import datetime as dt
from typing import TYPE_CHECKING

from levada._cli.completion import schema_names, schema_or_table_names
from levada._cli.grammar import parsing

if TYPE_CHECKING:
    from levada._cli.grammar.parsing import Commands

ROLES = ("viewer", "reference", "depositor", "worker", "editor", "owner")


def add_commands(commands: Commands) -> None:
    """Add them to the command line."""
    parsing.add(
        commands,
        "whoami",
        "show as whom you call, and what you may do",
        run="access:whoami",
        examples=("whoami",),
        json="one object: user, administrator, teams, creates, token, grants (role, on)",
    )
    for name, what, example in (
        ("login", "keep a token for a server", "login lab.example.org:50051"),
        ("logout", "forget the token of a server, and revoke it there", "logout lab.example.org:50051"),
    ):
        parser = parsing.add(commands, name, what, run=f"access:{name}_here", examples=(example,), server=parsing.NONE)
        parser.add_argument("server", metavar="SERVER", help="its address, as host:port")
    _add_users(commands)
    _add_tokens(commands)
    _add_grants(commands)
    _add_ownership(commands)
    _add_audit(commands)


def _add_users(commands: Commands) -> None:
    actions = parsing.add_group(commands, "users", "add, list and change users, as an administrator")
    parsing.add(
        actions,
        "list",
        "list the users",
        run="access:list_users",
        examples=("users list",),
        json="one object per user: user, administrator, disabled, creates, teams",
    )
    added = parsing.add(
        actions,
        "add",
        "add a user, and show a token for that user, once",
        run="access:add_user",
        examples=("users add anna --schemas anna_",),
        json="one object: user, token, valid_until, secret",
    )
    added.add_argument("name", help="the user's name, such as anna")
    _add_user_options(added)
    _add_days(added)
    changed = parsing.add(
        actions,
        "change",
        "change what a user may do anywhere",
        run="access:change_user",
        examples=("users change anna --administrator",),
    )
    changed.add_argument("name", help="the user's name")
    _add_user_options(changed)
    changed.add_argument("--no-administrator", action="store_true", help="no longer an administrator")
    changed.add_argument(
        "--forget-account",
        action="store_true",
        help="let another account of this name at the issuer of identities log in as the user",
    )
    for action, disabled, what in (
        ("disable", True, "end all that a user does, at once: tokens, streams and jobs"),
        ("enable", False, "let a disabled user call again, with the tokens of before"),
    ):
        switched = parsing.add(actions, action, what, run="access:switch_user", examples=(f"users {action} anna",))
        switched.add_argument("name", help="the user's name")
        switched.set_defaults(disabled=disabled)

    acting = parsing.add_group(commands, "teams", "put users together, to grant roles to all at once")
    team = parsing.add(
        acting,
        "set",
        "set the members of a team",
        run="access:set_team",
        examples=("teams set ephys anna ben",),
    )
    team.add_argument("name", help="the team's name")
    team.add_argument("members", nargs="*", default=[], help="all its members; with none the team ends")


def _add_user_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--administrator", action="store_true", help="may do everything")
    parser.add_argument(
        "--schemas",
        action="append",
        metavar="PREFIX",
        help="may create schemas whose names begin so, such as anna_; repeat it for more; '' allows all names",
    )


def _add_days(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--days", type=int, default=30, metavar="N", help="how long the token is valid; 0: no end (default: 30)"
    )


def _add_tokens(commands: Commands) -> None:
    actions = parsing.add_group(commands, "tokens", "make, list and revoke tokens")
    parsing.add(
        actions,
        "list",
        "list your valid tokens; all, as an administrator",
        run="access:list_tokens",
        examples=("tokens list",),
        json="one object per token: token, user, label, valid_until, used, scopes",
    )
    made = parsing.add(
        actions,
        "make",
        "make a token, and show it, once",
        run="access:make_token",
        examples=("tokens make --label laptop --days 90", "tokens make --scope viewer:lab"),
        json="one object: user, token, valid_until, secret",
    )
    made.add_argument("--user", default="", help="for whom, as an administrator (default: yourself)")
    made.add_argument("--label", default="", help="what it is for")
    _add_days(made)
    made.add_argument(
        "--scope",
        action="append",
        default=[],
        metavar="ROLE:NAME",
        help="allow no more than a role on a schema or table, such as viewer:lab or worker:lab.Spikes",
    )
    revoked = parsing.add(
        actions,
        "revoke",
        "revoke tokens at once",
        run="access:revoke_tokens",
        examples=("tokens revoke 3f2a", "tokens revoke --user anna"),
        json="one object: revoked",
    )
    chosen = revoked.add_mutually_exclusive_group(required=True)
    chosen.add_argument("id", nargs="?", default="", help="the id of one token")
    chosen.add_argument("--user", default="", help="all tokens of a user")
    chosen.add_argument("--all", action="store_true", help="all tokens of everybody")
    parsing.yes(revoked)


def _add_grants(commands: Commands) -> None:
    actions = parsing.add_group(commands, "grants", "grant roles on schemas and tables, as their owner")
    listed = parsing.add(
        actions,
        "list",
        "list the grants on a schema and its tables",
        run="access:list_grants",
        examples=("grants list lab",),
        json="one object per grant: who, role, on",
    )
    parsing.complete(listed.add_argument("schema", metavar="SCHEMA", help="its name"), schema_names)
    for action, what in (("add", "grant a role"), ("remove", "take a role back")):
        acting = parsing.add(
            actions,
            action,
            what,
            run="access:change_grant",
            examples=(f"grants {action} viewer lab anna", f"grants {action} worker lab.Spikes team:ephys"),
        )
        acting.add_argument("role", choices=ROLES, help=", ".join(ROLES), metavar="ROLE")
        parsing.complete(
            acting.add_argument("name", metavar="NAME", help="a schema, or schema.Table with its parts"),
            schema_or_table_names,
        )
        acting.add_argument("grantee", help="a user's name, or team:NAME")
        acting.set_defaults(granting=action == "add")


def _add_ownership(commands: Commands) -> None:
    rows = parsing.add(
        commands,
        "ownership",
        "let the rows of a table belong to teams, as its owner",
        run="access:ownership",
        examples=("ownership lab.Subject", "ownership lab.Subject --attribute team --hidden"),
        json="one object: table, attribute, hidden",
    )
    parsing.table(rows, "schema.Table")
    rule = rows.add_mutually_exclusive_group()
    rule.add_argument("--attribute", help="the attribute that names the team of a row")
    rule.add_argument("--end", action="store_true", help="rows belong to nobody any more")
    rows.add_argument("--hidden", action="store_true", help="others do not read the rows either")


def _add_audit(commands: Commands) -> None:
    actions = parsing.add_group(commands, "audit", "show who changed what, as an administrator")
    listed = parsing.add(
        actions,
        "list",
        "list the latest entries, the newest last",
        run="audit:list_entries",
        examples=("audit list --subject lab.Session", "audit list --user anna --since 2026-01-31"),
        json="one object per entry: its attributes in levada.Audit",
    )
    listed.add_argument("--user", help="only calls of a user")
    listed.add_argument("--subject", help="only changes of a table, schema, user or team, such as lab.Session")
    listed.add_argument("--refused", action="store_true", help="only refused calls")
    listed.add_argument("--since", type=_moment, metavar="TIME", help="only from a time on, such as 2026-01-31, UTC")
    listed.add_argument("--limit", type=parsing.count, default=50, metavar="N", help="at most this many (default: 50)")
    reads = parsing.add(
        actions,
        "reads",
        "record also who reads the tables of a schema, as its owner",
        run="audit:reads",
        examples=("audit reads lab on",),
    )
    parsing.complete(reads.add_argument("schema", metavar="SCHEMA", help="its name"), schema_names)
    reads.add_argument("switch", choices=("on", "off"), help="on or off")


def _moment(text: str) -> dt.datetime:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time such as 2026-01-31 or 2026-01-31 12:00") from None
    return moment if moment.tzinfo is None else moment.astimezone(dt.UTC).replace(tzinfo=None)

"""The commands `levada import-datajoint` and `levada check-code`."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from levada._base.errors import InvalidRequest, Unavailable
from levada._base.prompt import choose, type_secret
from levada._base.text import plural
from levada._cli.asking import agreed
from levada._cli.output import print_json
from levada._from_datajoint import check_code as checking
from levada._from_datajoint import existing, importing, telling
from levada._from_datajoint.addresses import Address, read_address
from levada._from_datajoint.decisions import Decisions, read_decisions
from levada._from_datajoint.plan import Plan, check_answered, how_to_decide
from levada._from_datajoint.planning import grant_to_read, make_plan
from levada._from_datajoint.spellings import spellings_in

if TYPE_CHECKING:
    import argparse

    from levada._from_datajoint.bringing import Brought
    from levada._from_datajoint.source import Source
    from levada._net.connection import Connection


def import_datajoint(connection: Connection, options: argparse.Namespace) -> int:
    """Plan an import, and run it."""
    address = read_address(options.source)
    decisions = read_decisions(options.decisions) if options.decisions else Decisions()
    source = _open(address)
    try:
        plan = _plan(source, connection, address, decisions, options)
        if options.plan:
            _print_plan(plan, options)
            return 0 if plan.ready else 1
        check_answered(plan)
        lines = list(telling.plan_lines(plan))
        if options.yes and not options.json:  # else whoever is asked sees them, or the JSON has them
            print("\n".join(lines), flush=True)
        if not agreed(lines, "Bring these?", options):
            return 1
        return _run(plan, source, connection, address, decisions, options)
    finally:
        source.close()


def check_code(options: argparse.Namespace) -> int:
    """Print what code must change."""
    findings, count = checking.check(options.path, read_decisions(options.decisions) if options.decisions else None)
    for finding in findings:
        if options.json:
            print_json({**asdict(finding), "file": str(finding.file)})
        else:
            print(f"{finding.place}: {finding.name}: {finding.advice}")
    places = sum(finding.must for finding in findings)
    if not options.json:
        idle = len(findings) - places
        rest = f"; {plural(idle, 'line')} may stay, without effect" if idle else ""
        print(f"{plural(count, 'file')}: {plural(places, 'place')} to change{rest}")
    return 1 if places else 0


def _open(address: Address) -> Source:
    """Connect to the database.

    Raises:
        Unavailable: It cannot be reached, or refuses the user.
        PreconditionFailed: No password came.
    """
    password = address.password if address.password is not None else os.environ.get("LEVADA_SOURCE_PASSWORD")
    if password is None:
        otherwise = "Put it into LEVADA_SOURCE_PASSWORD."
        password = type_secret(f"Password of {address.user}", otherwise) if sys.stdin.isatty() else ""
    try:
        return importing.open_source(address, password)
    except Unavailable as error:
        if password:
            raise
        raise Unavailable(f"{error}. There was no password; LEVADA_SOURCE_PASSWORD may have it.") from None


def _plan(
    source: Source, connection: Connection, address: Address, decisions: Decisions, options: argparse.Namespace
) -> Plan:
    """Make the plan; at a terminal, ask for decisions."""
    facts = source.facts(options.schemas)
    if missing := [name for name in options.schemas if name not in facts.schemas]:
        how = [grant_to_read(facts, name) for name in missing] if facts.reader else []
        if_there = f" For one that is there, let an administrator of the database run: {' '.join(how)}" if how else ""
        names = ", ".join(map(repr, missing))
        raise InvalidRequest(f"The database has no schema {names} that its user may read.{if_there}")
    spellings = spellings_in(options.code) if options.code else {}
    stores = importing.stores_of(connection)

    def make() -> Plan:
        plan = make_plan(facts, decisions, spellings, stores)
        return replace(plan, problems=(*plan.problems, *importing.missing_rights(plan, connection)))

    plan = make()
    asks = sys.stdin.isatty() and not options.json and not options.plan
    while asks and plan.questions:
        if plan.problems:
            # They need no answers, so nobody answers in vain.
            later = f"Mend this first; then at least {plural(len(plan.questions), 'question')} will be asked."
            how = [how_to_decide(plan.sections, (), plan.blanks)] if plan.blanks else []
            raise InvalidRequest("\n".join([*plan.problems, *how, later]))
        _ask(plan, decisions)
        plan = make()
    if not plan.ready:
        return plan
    return existing.compared(
        plan,
        connection,
        str(address),
        facts,
        decisions,
        lambda facts, decisions: make_plan(facts, decisions, spellings, stores),
    )


def _ask(plan: Plan, decisions: Decisions) -> None:
    """Ask the questions of a plan.

    Raises:
        PreconditionFailed: An answer did not come.
    """
    for number, question in enumerate(plan.questions):
        print(question.text)
        for answer, effect in question.answers.items():
            print(f"  {answer}: {effect}")
        otherwise = f"These decisions are missing. {how_to_decide(plan.sections, plan.questions[number:])}"
        answer = choose("Decide", tuple(question.answers), None, otherwise)
        decisions.answers[question.id] = answer
        print(f'For the file of decisions: "{question.id}" = "{answer}"')


def _print_plan(plan: Plan, options: argparse.Namespace) -> None:
    if options.json:
        print_json(telling.plan_facts(plan))
    else:
        print("\n".join(telling.plan_lines(plan)))


def _run(
    plan: Plan,
    source: Source,
    connection: Connection,
    address: Address,
    decisions: Decisions,
    options: argparse.Namespace,
) -> int:
    def done(brought: Brought) -> None:
        if not options.json:
            print(telling.brought_line(brought), flush=True)

    report = importing.run(plan, source, connection, address, decisions.stores, done)
    written = importing.write_classes(plan, connection, options.classes) if options.classes else []
    if options.json:
        print_json({**telling.plan_facts(plan), "report": telling.report_facts(report)})
    else:
        print("\n".join(telling.report_lines(report)))
        for line in written:
            print(line)
    return 0 if report.equal else 1

"""The commands `levada import-datajoint` and `levada check-code`."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from levada._base.errors import InvalidRequest, LevadaError, Unavailable
from levada._base.prompt import choose, type_secret, type_text
from levada._base.text import plural
from levada._cli.asking import agreed
from levada._cli.output import print_json
from levada._from_datajoint import check_code as checking
from levada._from_datajoint import existing, importing, telling
from levada._from_datajoint.addresses import Address, read_address
from levada._from_datajoint.decisions import Decisions, StorePlace, add_decisions, read_decisions
from levada._from_datajoint.plan import Plan, check_answered, how_to_decide
from levada._from_datajoint.planning import grant_to_read, make_plan
from levada._from_datajoint.spellings import spellings_in

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from levada._from_datajoint.bringing import Brought
    from levada._from_datajoint.plan import OpenStore
    from levada._from_datajoint.source import Source
    from levada._net.connection import Connection


def import_datajoint(connection: Connection, options: argparse.Namespace) -> int:
    """Plan an import, and run it."""
    address = read_address(options.source)
    starts = _asks(options) and options.decisions and not options.decisions.exists()  # and the answers go there
    decisions = read_decisions(options.decisions) if options.decisions and not starts else Decisions()
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

    plan, answers = make(), _Answers()
    try:
        while _asks(options) and plan.open_stores + plan.questions and not plan.faults:
            _ask(plan, decisions, stores, answers)
            plan = make()
    except (LevadaError, KeyboardInterrupt):
        _keep(answers, options.decisions, ended=True)
        raise
    _keep(answers, options.decisions)
    if _asks(options) and plan.open_stores + plan.questions:
        # The faults need no answers, so nobody answers in vain.
        count = len(plan.open_stores) + len(plan.questions)
        questions = plural(count, "more question" if answers.given else "question")
        later = f"Mend this first; then at least {questions} will be asked."
        raise InvalidRequest("\n".join([*plan.faults, later]))
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


def _asks(options: argparse.Namespace) -> bool:
    """Return whether somebody is there to answer questions."""
    return sys.stdin.isatty() and not options.json and not options.plan


@dataclass(slots=True)
class _Answers:
    """The answers that were typed, by section of the file of decisions."""

    stores: dict[str, object] = field(default_factory=dict)
    decisions: dict[str, object] = field(default_factory=dict)

    @property
    def given(self) -> dict[str, dict[str, object]]:
        """The sections with an answer."""
        return {name: lines for name, lines in asdict(self).items() if lines}


def _ask(plan: Plan, decisions: Decisions, stores: Mapping[str, Path | None], answers: _Answers) -> None:
    """Ask for the first store of a plan, as its place may be a fault, or for all questions, once no store is open.

    Raises:
        PreconditionFailed: An answer did not come.
    """
    if plan.open_stores:
        store = plan.open_stores[0]
        otherwise = how_to_decide(plan.sections, plan.questions, plan.open_stores)
        place = _ask_for_store(store, stores, f"These decisions are missing. {otherwise}")
        decisions.stores[store.name] = place
        answers.stores[store.name] = asdict(place)
        return
    for number, question in enumerate(plan.questions):
        print(question.text)
        for answer, effect in question.answers.items():
            print(f"  {answer}: {effect}")
        otherwise = f"These decisions are missing. {how_to_decide(plan.sections, plan.questions[number:])}"
        name, answer = question.decision(choose("Decide", tuple(question.answers), None, otherwise))
        decisions.answers[name] = answers.decisions[name] = answer


def _ask_for_store(store: OpenStore, stores: Mapping[str, Path | None], otherwise: str) -> StorePlace:
    """Ask where the content of a store of DataJoint lies, and which store here takes it."""
    print(f"The store {store.name!r} of DataJoint{', whose files stay where they are' if store.stay else ''}")
    folder = type_text(
        "Its folder on this machine",
        str(stores.get(store.name) or ""),
        lambda typed: "" if Path(typed).is_dir() and typed else f"There is no folder {typed!r} on this machine.",
        otherwise,
    )
    folder = str(Path(folder).absolute())
    fitting = [name for name, here in stores.items() if here is not None and here.resolve() == Path(folder).resolve()]
    if store.stay:  # if none has this folder, the plan says how to add it
        return StorePlace(folder, fitting[0] if fitting else store.to)
    known = ", ".join(stores)
    unknown = f"Write one of: {known}." if known else ""
    to = type_text("Store here", store.to, lambda typed: "" if typed in stores else unknown, otherwise)
    return StorePlace(folder, to)


def _keep(answers: _Answers, file: Path | None, *, ended: bool = False) -> None:
    """Write answers into the file of decisions, so that the later steps have them; without one, offer to make it.

    Args:
        ended: Nobody answers any more.
    """
    if not answers.given:
        return
    offered = file or Path("decisions.toml")
    shown = "\n".join(["For the file of decisions:", *telling.section_lines(answers.given)])
    if file is None and (ended or offered.exists()):
        print(shown)
        return
    try:
        agreed_to = file or choose(f"Write these answers to {offered}?", ("yes", "no"), "yes", "Pass --decisions.")
    except (LevadaError, KeyboardInterrupt):
        print(f"\n{shown}")
        raise
    if agreed_to != "no":
        add_decisions(offered, answers.given)
        print(f"Wrote your answers to {offered}; add --decisions {offered} to the later commands.")


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

"""The command `levada copy`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada._cli.asking import agreed
from levada._cli.output import print_json
from levada._moving import copy_telling, copying
from levada._moving.copy_plan import check_ready, make_plan
from levada._net.address import open_connection

if TYPE_CHECKING:
    import argparse

    from levada._moving.copying import Copied
    from levada._net.connection import Connection


def copy(connection: Connection, options: argparse.Namespace) -> int:
    """Plan a copy, and run it."""
    with open_connection(options.to) as target:
        plan = make_plan(connection, target, options.schemas, options.name)
        if options.dry_run:
            if options.json:
                print_json(copy_telling.plan_facts(plan))
            else:
                print("\n".join(copy_telling.plan_lines(plan)))
            return 0 if plan.ready else 1
        check_ready(plan)
        if not agreed(list(copy_telling.plan_lines(plan)), "Copy these?", options):
            return 1

        def done(copied: Copied) -> None:
            if not options.json:
                print(copy_telling.copied_line(copied), flush=True)

        report = copying.run(plan, connection, target, done)
        if options.json:
            print_json({**copy_telling.plan_facts(plan), "report": copy_telling.report_facts(report)})
        else:
            print("\n".join(copy_telling.report_lines(report)))
        return 0 if report.equal else 1

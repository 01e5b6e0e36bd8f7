"""The steps of the demo, in order."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table

from examples.ephys import animals, laboratory, probes, trials

if TYPE_CHECKING:
    from rich.console import Console

    import levada as dj

TO_DELETE = {"animal_id": 3}


def run(console: Console) -> None:
    """Show the pipeline, fill and compute it, show the units, and delete an animal with everything computed from it."""
    console.rule("The pipeline", align="left")
    console.print(str(laboratory.diagram()), markup=False)
    laboratory.fill()
    console.rule("Computing", align="left")
    compute(console)
    console.rule("Units", align="left")
    console.print(unit_table(console))
    console.rule("An animal is deleted", align="left")
    delete(console)


def compute(console: Console) -> None:
    """Compute what is missing."""
    started = time.monotonic()
    computed = laboratory.populate()
    told = ", ".join(f"{name} {count}" for name, count in computed.items())
    console.print(f"  Computed in {time.monotonic() - started:.1f} s: {told}")


def unit_summary() -> dj.Relation:
    """Summarize the units of every insertion, for each set of parameters."""
    units = probes.Clustering.Unit * trials.UnitActivity
    summary = probes.Clustering.aggr(
        units,
        ...,
        single="sum(quality = 'single')",
        mean_rate="avg(mean_rate)",
        tuned="sum(selectivity > 0.3)",
    )
    return summary * probes.Insertion.proj("area")


def unit_table(console: Console) -> Table:
    """Show the summary."""
    table = Table(box=box.SIMPLE_HEAD if console.is_terminal else box.ASCII)
    for heading in ("animal", "session", "insertion", "area", "set", "units", "single", "tuned", "rate (Hz)", "noise"):
        table.add_column(heading, justify="right")
    for row in unit_summary().fetch(as_dict=True, order_by="KEY"):
        table.add_row(
            str(row["animal_id"]),
            str(row["session"]),
            str(row["insertion"]),
            row["area"],
            str(row["parameter_set"]),
            str(row["unit_count"]),
            str(row["single"]),
            str(row["tuned"]),
            f"{row['mean_rate']:.1f}",
            f"{row['noise_fraction']:.0%}",
        )
    return table


def delete(console: Console) -> None:
    """Delete an animal: show the plan, which lists the rows of each schema, then delete exactly these."""
    plan = (animals.Animal & TO_DELETE).delete(dry_run=True)
    console.print(str(plan), markup=False)
    console.print(f"  Deleted {plan.confirm()} animal; {len(probes.Clustering.Unit())} units of others stay.")

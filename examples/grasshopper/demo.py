"""The steps of the demo, in order."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import levada as lv
from examples.grasshopper import pipeline, report, workers

if TYPE_CHECKING:
    from rich.console import Console

RESULTS = Path("build", "grasshopper")
"""The folder for the pictures and the workers' logs, below the working folder."""
WORKERS = 2


def run(console: Console) -> None:
    """Show the pipeline, compute it with worker processes, show the results, and restore a deleted one.

    Raises:
        Unfinished: The workers ended before everything was computed.
    """
    RESULTS.mkdir(parents=True, exist_ok=True)
    console.rule("The pipeline", align="left")
    show_pipeline(console)
    pipeline.fill()
    console.rule(f"Computing, with {WORKERS} worker processes", align="left")
    compute(console)
    console.rule("Results", align="left")
    show_results(console)
    console.rule("Again", align="left")
    compute_again(console)
    console.rule("One result is deleted", align="left")
    delete_one(console)


def show_pipeline(console: Console) -> None:
    """Print the diagram, and write it as a picture."""
    diagram = lv.Diagram(pipeline.schema)
    console.print(str(diagram), markup=False, soft_wrap=True)
    picture = RESULTS / "grasshopper_pipeline.svg"
    picture.write_text(diagram.make_svg(), encoding="utf-8")
    console.print(f"  As a picture: {picture}")


def compute(console: Console) -> None:
    """Let workers compute what is missing, and show their progress.

    Raises:
        Unfinished: They ended before everything was computed.
    """
    if not report.remaining():
        console.print("  Everything is there from an earlier run: the workers find nothing to do.")
    started = time.monotonic()
    with workers.running(pipeline.__name__, WORKERS, RESULTS) as processes:
        for worker in processes:
            console.print(f"  {worker} started")
        report.watch(console, processes)
    for worker in processes:
        console.print(f"  {worker} computed {report.computed_by(worker)} results")
    if left := report.remaining():
        raise workers.Unfinished(f"{left} results are missing. The workers' logs are in {RESULTS}.")
    console.print(f"  All results are there after {time.monotonic() - started:.1f} s.")


def show_results(console: Console) -> None:
    """Print the table and draw the picture."""
    console.print(report.result_table(console))
    picture = RESULTS / "grasshopper_sta.png"
    report.draw(picture)
    console.print(f"  The mean stimulus before a spike is drawn in {picture}")


def compute_again(console: Console) -> None:
    """Show that existing results are not computed again."""
    computed = sum(table.populate()["success_count"] for table in pipeline.COMPUTED)
    console.print(f"  A second run computed {computed} results.")


def delete_one(console: Console) -> None:
    """Delete a result, and show that only this one is computed again."""
    key = (pipeline.SpikeTriggeredAverage & report.SEGMENTATION & report.PICTURE_PARAMETERS).keys(order_by="KEY")[0]
    result = pipeline.SpikeTriggeredAverage & key
    before = result.fetch1("average")
    deleted = result.delete(prompt=False)
    console.print(f"  Deleted {deleted}: {', '.join(f'{name} {value!r}' for name, value in key.items())}")
    console.print(f"  To compute now: {report.remaining()}")
    computed = pipeline.SpikeTriggeredAverage.populate()["success_count"]
    same = np.array_equal(result.fetch1("average"), before)
    console.print(f"  Computed {computed}, {'with the same numbers as before' if same else 'with OTHER numbers'}.")

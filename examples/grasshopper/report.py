"""The demo's output: progress, a table of results, a picture."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from rich import box
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from examples.grasshopper import pipeline

mpl.use("Agg")
# Only after the choice of a backend that needs no screen.
from matplotlib import pyplot as plt

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from rich.console import Console

    import levada as lv
    from examples.grasshopper.workers import Worker

SEGMENTATION = {"segmentation": "whole seconds"}
"""The results below are of these segments."""
PICTURE_PARAMETERS = {"parameter_set": "coarse"}

_POLL_S = 0.3


def remaining() -> int:
    """Count the entities that can be computed now, in all tables."""
    return sum(table.progress()[0] for table in pipeline.COMPUTED)


def watch(console: Console, workers: Sequence[Worker]) -> None:
    """Show progress until all workers have ended, and report when one ends."""
    # A terminal that cannot move its cursor also gets lines.
    show = _show_bars if console.is_interactive else _show_lines
    show(console, _counts(console, workers))


def _show_bars(console: Console, progress: Iterable[list[tuple[int, int]]]) -> None:
    columns = (TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console) as bars:
        tasks = [bars.add_task(f"{table.__name__:22}", total=None) for table in pipeline.COMPUTED]
        for counts in progress:
            for task, (done, total) in zip(tasks, counts, strict=True):
                bars.update(task, completed=done, total=total or None)


def _show_lines(console: Console, progress: Iterable[list[tuple[int, int]]]) -> None:
    shown = ""
    for counts in progress:
        states = zip(pipeline.COMPUTED, counts, strict=True)
        line = "  " + "  ".join(f"{table.__name__} {done}/{total}" for table, (done, total) in states)
        if line != shown:
            console.print(line)
            shown = line


def _counts(console: Console, workers: Sequence[Worker]) -> Iterator[list[tuple[int, int]]]:
    """Yield (done, total) of every table repeatedly, for the last time after all workers have ended."""
    told: set[int] = set()
    while True:
        ended = [worker for worker in workers if worker.ended]
        counts = []
        for table in pipeline.COMPUTED:
            left, total = table.progress()
            counts.append((total - left, total))
        yield counts
        for worker in ended:
            if worker.number not in told:
                told.add(worker.number)
                console.print(f"  {worker} {worker.ended}")
        if len(ended) == len(workers):
            return
        time.sleep(_POLL_S)


def computed_by(worker: Worker) -> int:
    """Count the results that a worker committed: each job records its worker."""
    own = {"host": socket.gethostname(), "pid": worker.process.pid}
    return sum(len(table.jobs.completed & own) for table in pipeline.COMPUTED)


def result_table(console: Console) -> Table:
    """Summarize the segments of each recording, for every set of parameters."""
    table = Table(box=box.SIMPLE_HEAD if console.is_terminal else box.ASCII, title_justify="left")
    for heading, justify in (
        ("cut-off\n(Hz)", "right"),
        ("set", "left"),
        ("rate\n(Hz)", "right"),
        ("Fano\nfactor", "right"),
        ("interval\nCV", "right"),
        ("short\nintervals", "right"),
        ("STA peak\n(dB SPL)", "right"),
        ("at\n(ms)", "right"),
    ):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]  # rich's literal type
    for row in summary().to_dicts(order_by=("cutoff_frequency", "window")):
        table.add_row(
            f"{row['cutoff_frequency']:.0f}",
            row["parameter_set"],
            f"{row['rate']:.1f}",
            f"{row['fano']:.2f}",
            f"{row['cv']:.2f}",
            f"{row['short']:.0%}",
            f"{row['peak_level']:.2f}",
            f"{1000 * row['peak_lag']:.2f}",
        )
    return table


def summary() -> lv.Relation:
    """Join the results of each recording with each set of parameters, averaging those of segments."""
    averages = pipeline.SpikeTriggeredAverage.proj("peak_level", "peak_lag") & SEGMENTATION
    rates = averages.aggr(pipeline.FiringRate, ..., rate="avg(mean_rate)", fano="avg(fano_factor)")
    intervals = averages.proj().aggr(pipeline.IntervalStatistics, cv="avg(cv)", short="avg(short_fraction)")
    return rates * intervals * pipeline.Recording.proj("cutoff_frequency") * pipeline.AnalysisParameters.proj("window")


def draw(file: Path) -> None:
    """Draw the spike-triggered average of each recording, thick, over the averages of its segments."""
    recordings = pipeline.Recording.to_dicts(
        "subject_id", "presentation", "cutoff_frequency", "stimulus", order_by="KEY"
    )
    figure, axes = plt.subplots(1, len(recordings), figsize=(9, 3.6), sharey=True, layout="constrained")
    for axis, recording in zip(np.atleast_1d(axes), recordings, strict=True):
        _draw_recording(axis, recording)
    np.atleast_1d(axes)[0].set_ylabel("level of the stimulus (dB SPL)")
    figure.savefig(file, dpi=90)
    plt.close(figure)


def _draw_recording(axis: Axes, recording: dict[str, Any]) -> None:
    key = {name: recording[name] for name in ("subject_id", "presentation")} | PICTURE_PARAMETERS
    result = pipeline.SpikeTriggeredAverage & SEGMENTATION & key
    lags, average = result.fetch1("lags", "average")
    for of_segment in (pipeline.SpikeTriggeredAverage.Segment & result.proj()).to_arrays("average"):
        axis.plot(1000 * lags, of_segment, color="0.75", linewidth=0.7)
    axis.plot(1000 * lags, average, color="tab:blue", linewidth=2.2)
    axis.axhline(recording["stimulus"].mean(), color="black", linestyle="--", linewidth=0.9)
    axis.set_title(f"envelope up to {recording['cutoff_frequency']:.0f} Hz", fontsize=10)
    axis.set_xlabel("time relative to the spike (ms)")

"""Pipelines of many tables, as a laboratory has them, for diagrams."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from levada_server.model.declaration import declare
from levada_server.model.table import Table, TableName, Tier, snake_case

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

_LABORATORY = """
lab.Lab lookup
lab.Protocol lookup
lab.Source lookup
lab.User manual > lab.Lab
lab.Project manual > lab.Lab - lab.User lab.Protocol
subject.Species lookup
subject.Allele lookup
subject.Strain manual > subject.Species
subject.Line manual - subject.Strain
subject.Subject manual - subject.Line lab.Source lab.User lab.Project
subject.Death manual = subject.Subject
subject.Zygosity manual > subject.Subject subject.Allele
session.Rig lookup
session.Session manual > subject.Subject - session.Rig lab.Protocol
session.Note manual = session.Session
session.Experimenter manual > session.Session lab.User
probe.ProbeType lookup
probe.Probe manual - probe.ProbeType
probe.Config manual > probe.ProbeType
ephys.AcqSoftware lookup
ephys.LfpConfig lookup
ephys.ClusterMethod lookup
ephys.Insertion manual > session.Session - probe.Probe
ephys.Location manual = ephys.Insertion
ephys.Recording imported = ephys.Insertion - probe.Config ephys.AcqSoftware
ephys.Lfp imported > ephys.Recording ephys.LfpConfig
ephys.ClusterParam manual > ephys.ClusterMethod
ephys.Task manual > ephys.Recording ephys.ClusterParam
ephys.Clustering computed = ephys.Task
ephys.Curation manual > ephys.Clustering
ephys.CurationLabel manual > ephys.Curation
ephys.Units imported = ephys.Curation + Unit
ephys.Waveform computed = ephys.Units + PeakWaveform Waveform
ephys.QualityMetrics computed = ephys.Units
imaging.Scanner lookup
imaging.Method lookup
imaging.Scan manual > session.Session - imaging.Scanner
imaging.ScanInfo imported = imaging.Scan + Field File
imaging.ParamSet manual - imaging.Method
imaging.Processing manual > imaging.ScanInfo imaging.ParamSet
imaging.MotionCorrection computed = imaging.Processing
imaging.Segmentation computed = imaging.MotionCorrection + Mask Roi
imaging.Fluorescence computed = imaging.Segmentation + Trace
imaging.Spikes computed = imaging.Fluorescence
event.EventType lookup
event.TrialType lookup
event.Recording imported = session.Session
event.Trial manual > event.Recording - event.TrialType
event.Event imported > event.Recording event.EventType
event.AlignType manual - event.EventType
event.Alignment manual > event.AlignType event.Trial
imaging.ActivityMethod lookup
imaging.Activity computed > imaging.Spikes imaging.ActivityMethod
analysis.FigureSpec lookup
analysis.DecoderParam lookup
analysis.Psth computed > ephys.Units event.Alignment
analysis.Tuning computed = analysis.Psth - event.TrialType + Curve
analysis.Decoding computed > analysis.Psth analysis.DecoderParam - imaging.Activity
analysis.Population computed = analysis.Tuning - ephys.QualityMetrics
analysis.Report computed > analysis.Population analysis.FigureSpec session.Session - analysis.Decoding
"""
"""Name and tier; `=` the whole key, `>` parents in the key, `-` parents below it, `+` parts; parents first."""
_FEW = (
    "lab.Lab",
    "lab.User",
    "subject.Subject",
    "session.Rig",
    "session.Session",
    "session.Experimenter",
    "ephys.Insertion",
    "ephys.Recording",
)
_SIZES = (8, 44, 60)


def laboratory(count: int) -> list[Table]:
    """Make a pipeline of 8, 44 or 60 tables, and their parts; parents first."""
    lines = _LABORATORY.split("\n")[1:-1]
    assert count in _SIZES, count
    if count == _SIZES[0]:
        lines = [line for line in lines if line.split()[0] in _FEW]
    return _tables(lines[:count])


def random_pipeline(count: int, seed: int = 1) -> list[Table]:
    """Make a pipeline whose tables refer to some before them, mostly near ones, in schemas of 25."""
    random = Random(seed)
    lines: list[str] = []
    names: list[str] = []
    for index in range(count):
        name = f"s{index // 25:02}.Table{index}"
        parents = set()
        for _ in range(random.choice([0, 1, 1, 1, 2, 2, 3]) if index else 0):
            first = max(0, index - 30) if random.random() < 0.9 else 0
            parents.add(names[random.randrange(first, index)])
        extended = parents and random.random() < 0.5
        tier = random.choice(["manual", "lookup", "imported", "computed"])
        first_parent, *others = [*sorted(parents), ""][: len(parents) or 1]
        lines.append(" ".join([name, tier, "=" if extended else "-", first_parent, "-", *others]))
        names.append(name)
    return _tables(lines)


def _tables(lines: Sequence[str]) -> list[Table]:
    found: dict[TableName, Table] = {}
    shown = {line.split()[0] for line in lines}
    for line in lines:
        name, tier, *rest = line.split()
        marks: dict[str, list[str]] = {"=": [], ">": [], "-": [], "+": []}
        mark = ""
        for word in rest:
            if word in marks:
                mark = word
            else:
                marks[mark].append(word)
        schema, _, table = name.partition(".")
        _declare(found, TableName(schema, table), Tier(tier), _definition(name, marks, shown))
        for part in marks["+"]:
            own = f"{snake_case(part)} : int32"
            text = f"-> master\n{own}_id\n".replace(" : int32_id", "_id : int32")
            _declare(found, TableName(schema, f"{table}.{part}"), Tier.PART, text)
    return list(found.values())


def _definition(name: str, marks: dict[str, list[str]], shown: Collection[str]) -> str:
    word = snake_case(name.partition(".")[2])
    parents = {mark: [parent for parent in marks[mark] if parent in shown] for mark in ("=", ">", "-")}
    key = [f"-> {parent}" for parent in parents["="] + parents[">"]]
    key += [] if parents["="] or len(parents[">"]) > 1 else [f"{word}_id : int32"]
    return "\n".join([*key, "---", *(f"-> {parent}" for parent in parents["-"]), f"{word}_value = null : float64"])


def _declare(found: dict[TableName, Table], name: TableName, tier: Tier, definition: str) -> None:
    def resolve(text: str) -> Table:
        if text == "master":
            master = name.master
            assert master is not None
            return found[master]
        return found[TableName(*text.split(".", 1))]

    found[name] = declare(name, tier, definition, resolve)

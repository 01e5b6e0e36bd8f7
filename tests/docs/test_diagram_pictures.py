"""The picture and the figures on the page about diagrams are those of the code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import levada as lv
from levada_server.model.description import describe
from levada_server.model.table import Tier
from tests.support.graphs import laboratory, random_pipeline
from tests.support.pictures import inside, picture_of, points_of

if TYPE_CHECKING:
    from levada_server.model.table import Table

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs" / "images" / "pipeline.svg"
PAGE = ROOT / "docs" / "how-to" / "diagrams.md"
BASES = {
    Tier.LOOKUP: lv.Lookup,
    Tier.MANUAL: lv.Manual,
    Tier.IMPORTED: lv.Imported,
    Tier.COMPUTED: lv.Computed,
    Tier.PART: lv.Part,
}


def declare(tables: list[Table], connection: lv.Connection) -> list[lv.Schema]:
    """Declare a pipeline; return its schemas."""
    schemas: dict[str, lv.Schema] = {}
    for table in tables:
        if table.tier is not Tier.PART:
            parts = {
                part.name.table.rpartition(".")[2]: type(
                    part.name.table.rpartition(".")[2], (lv.Part,), {"definition": describe(part)}
                )
                for part in tables
                if part.name.master == table.name
            }
            made = type(table.name.table, (BASES[table.tier],), {"definition": describe(table), **parts})
            schema = schemas.setdefault(table.name.schema, lv.Schema(table.name.schema, connection=connection))
            schema(made, context={})
    return list(schemas.values())


def test_the_picture_is_what_the_code_draws(server_address: str, tmp_path: Path) -> None:
    with lv.Connection(server_address) as connection:
        drawn = lv.Diagram(*declare(laboratory(44), connection)).make_svg()
    fresh = tmp_path / PICTURE.name
    fresh.write_text(drawn, encoding="utf-8")
    assert PICTURE.read_text(encoding="utf-8") == drawn, f"if the new one is better: cp {fresh} {PICTURE}"


def test_the_figures_are_those_of_the_layout() -> None:
    rows = re.findall(r"^\| (\d+)(, expanded)? \| (\d+) \|(.*)\|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert [count for count, *_ in rows] == ["8", "44", "60", "300", "300"]
    for count, expanded, schemas, cells in rows:
        tables = random_pipeline(300) if count == "300" else laboratory(int(count))
        picture = picture_of(tables, expanded=None if expanded else ())
        through = sum(
            any(inside(point, place) for point in points_of(stops) for place in picture.boxes.values())
            for stops in picture.routes.values()
        )
        _, crossings, _, run_through, _, width = map(int, cells.split("|"))
        now = (picture.crossing_count, through, round(picture.width))
        assert now == (crossings, run_through, width), f"{count} tables"
        assert len({table.name.schema for table in tables}) == int(schemas)

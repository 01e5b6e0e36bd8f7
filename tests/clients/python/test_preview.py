"""Previews in notebooks and at prompts: the first rows, with small pictures of arrays."""

from __future__ import annotations

import base64
import re
import zlib
from html import unescape
from typing import TYPE_CHECKING
from uuid import uuid4

import numpy as np
import pytest

import levada as lv
from levada._query import preview

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def schema(connection: lv.Connection) -> lv.Schema:
    return lv.Schema("shown", connection=connection)


def images(html: str) -> list[bytes]:
    """The images within a page."""
    return [base64.b64decode(found) for found in re.findall(r'src="data:image/[a-z+]+;base64,([^"]+)"', html)]


def labels(html: str) -> list[str]:
    """The texts of the cells in a table, without their marks."""
    return [unescape(re.sub(r"<[^>]*>", "", cell)) for cell in re.findall(r"<td[^>]*>(.*?)</td>", html)]


def test_a_preview_shows_the_first_rows_and_the_key(lab: lv.VirtualModule) -> None:
    text = repr(lab.Session.Trial())
    assert text.splitlines()[0] == "lab.Session.Trial · 4 rows"
    assert text.splitlines()[1].split() == ["*subject_id", "*session", "*trial", "correct"]
    with lv.config.override(display__limit=2):
        text = repr(lab.Session.Trial())
        assert text.count("True") + text.count("False") == 2
        assert text.splitlines()[-1].split() == ["…"] * 4
        assert "2 of 4 rows" in text
    html = (lab.Subject & {"subject_id": 1})._repr_html_()
    assert "<u>subject_id</u>" in html
    assert ">Ann</td>" in html
    assert "<b>lab.Subject</b> · an animal · 1 row</caption>" in html
    assert "<b>" not in lab.Subject.proj()._repr_html_()


@pytest.mark.parametrize(("most", "shown"), [(3, "more than 3"), (4, "4")])
def test_a_preview_counts_only_up_to_a_limit(
    lab: lv.VirtualModule, monkeypatch: pytest.MonkeyPatch, most: int, shown: str
) -> None:
    monkeypatch.setattr(preview, "MOST_COUNTED", most)
    with lv.config.override(display__limit=2):
        assert repr(lab.Session.Trial()).splitlines()[0] == f"lab.Session.Trial · 2 of {shown} rows"


def test_a_preview_of_a_table_says_its_name_and_how_many_rows_it_shows(schema: lv.Schema) -> None:
    @schema
    class Mouse(lv.Manual):
        definition = """
        # Animals & cages
        mouse : int32
        ---
        born = null : datetime  # at night
        tag = null : uuid
        notes = null : varchar(200)
        movie = null : <array uint8 (2, 3)>
        """

    @schema
    class Weight(lv.Manual):
        definition = """
        -> Mouse
        ---
        weight : float32  # g
        """

    tag = uuid4()
    Mouse.insert1({"mouse": 1, "born": "2025-06-02 09:30:01", "tag": tag, "notes": "\x1b[31mred\u202e" + "n" * 90})
    Mouse.insert([{"mouse": n} for n in range(2, 5)])
    with lv.config.override(display__limit=2):
        html, text = Mouse()._repr_html_(), Mouse().preview()
    assert "<b>shown.Mouse</b> · Animals &amp; cages · 2 of 4 rows" in html
    assert html.count(">NULL<") == 5
    assert "2025-06-02 09:30:01" in text
    assert str(tag) in text
    for shown in (text, html):
        assert "\x1b" not in shown
        assert "\u202e" not in shown
    assert [line.split()[0] for line in text.splitlines()[3:5]] == ["1", "2"]
    assert 'title="datetime  at night"' in html
    Weight.insert1({"mouse": 1, "weight": 18.8333})
    assert "<u><i>mouse</i></u>" in Weight()._repr_html_()
    assert 'text-align:right">18.8333<' in Weight()._repr_html_()
    assert '<th style="' in Weight()._repr_html_()
    assert "float32  g" in Weight()._repr_html_()


def test_a_preview_escapes_what_people_wrote(lab: lv.VirtualModule) -> None:
    lab.Subject.insert1({"subject_id": 9, "name": "<script>"})
    assert "<script>" not in lab.Subject()._repr_html_()


def test_a_preview_tells_an_error_instead_of_raising(lab: lv.VirtualModule) -> None:
    assert "nmae" in repr(lab.Subject.proj("nmae"))
    assert "nmae" in lab.Subject.proj("nmae")._repr_html_()


def test_a_preview_keeps_the_order_of_a_top(lab: lv.VirtualModule) -> None:
    def keys(relation: lv.Table) -> list[str]:
        lines = relation.preview().splitlines()
        return [line.split()[0] for line in lines[next(n for n, line in enumerate(lines) if "─" in line) + 1 :]]

    assert keys(lab.Subject & lv.Top(2, "subject_id DESC")) == ["3", "2"]
    assert keys(lab.Subject & lv.Top(None, "name DESC")) == ["3", "2", "1"]
    assert keys((lab.Subject & lv.Top(None, "name DESC")).proj()) == ["3", "2", "1"]


def test_a_relation_without_attributes_or_rows_has_a_preview(lab: lv.VirtualModule) -> None:
    assert (lab.Subject & False).preview().splitlines()[0] == "lab.Subject · an animal · 0 rows"
    assert lv.U().aggr(lab.Subject, n="count(*)").preview().splitlines()[-1].strip() == "3"
    assert "1 row" in (lv.U() & lab.Subject)._repr_html_()


@pytest.fixture
def recordings(schema: lv.Schema) -> type[lv.Manual]:
    """Two entities with values of every large type, and one where they are missing."""

    @schema
    class Recording(lv.Manual):
        definition = """
        recording : int32
        ---
        trace = null : <array float32 (300)>
        frame = null : <array uint8 (40, 60)>
        spikes = null : <blob>
        anything = null : <blob>
        script = null : <attach>
        raw = null : bytes
        """

    return Recording


def recording(number: int, script: Path, anything: object) -> dict[str, object]:
    """A row of `recordings`."""
    steps = np.arange(300)
    return {
        "recording": number,
        "trace": np.sin(steps / 9),
        "frame": np.arange(2400).reshape(40, 60) % 256,
        "spikes": np.cumsum(np.random.default_rng(number).exponential(size=100)),
        "anything": anything,
        "script": script,
        "raw": b"\0" * 1234,
    }


def test_arrays_are_shown_with_shape_type_and_picture(recordings: type[lv.Manual], tmp_path: Path) -> None:
    script = tmp_path / "run.py"
    script.write_text("pass", encoding="utf-8")
    recordings.insert([recording(1, script, {"gain": 3}), recording(2, script, "text"), {"recording": 3}])
    html = recordings()._repr_html_()
    assert labels(html)[:7] == [
        "1",
        "float32 (300,)",
        "uint8 (40, 60)",
        "float64 (100,)",
        "dict of 1",
        "run.py, 4 B",
        "1.23 kB",
    ]
    assert labels(html)[11] == "text"
    assert labels(html)[14:] == ["3"] + ["NULL"] * 6
    trace, frame, spikes = images(html)[:3]
    assert trace.count(b"L") > 200
    assert frame.startswith(b"\x89PNG")
    assert len(zlib.decompress(frame[41:-16])) == 40 * (1 + 2 * 60)
    assert 5 < spikes.count(b"M") <= 30
    assert re.search(r"1  [▁▂▃▄▅▆▇█]+ float32 \(300,\)  uint8 \(40, 60\)", recordings().preview())


def test_a_preview_fetches_only_small_values(recordings: type[lv.Manual]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, 2**20, dtype=np.uint8)
    recordings.insert([{"recording": 1, "anything": noise}, {"recording": 2, "anything": np.zeros(4 * 10**6)}])
    html = recordings()._repr_html_()
    assert "blob, 1.05 MB" in labels(html)
    assert "The blob stands for 32000" in html
    assert images(html) == []


def test_the_pictures_of_a_preview_are_few(schema: lv.Schema) -> None:
    @schema
    class Frame(lv.Manual):
        definition = """
        frame : int32
        ---
        image : <array uint8 (500, 1000)>
        """

    Frame.insert((n, np.zeros((500, 1000), np.uint8)) for n in range(6))
    html = Frame()._repr_html_()
    assert len(images(html)) == 4
    assert labels(html)[1::2] == ["uint8 (500, 1000)"] * 6


def test_long_texts_are_fetched_in_part(schema: lv.Schema) -> None:
    @schema
    class Note(lv.Manual):
        definition = """
        note : int32
        ---
        body : text
        more : json
        """

    Note.insert1({"note": 1, "body": "ä" * 10**6, "more": {"key": ["x" * 10**6]}})
    html = Note()._repr_html_()
    assert len(html) < 6000
    assert "ä" * 79 + "…" in html
    assert "{&quot;key&quot;: [&quot;xxx" in html
    assert (Note & {"note": 1}).preview().splitlines()[-1].startswith("    1  ä")


def test_pictures_leave_out_what_is_not_finite(recordings: type[lv.Manual]) -> None:
    holes = np.where(np.arange(100) % 20 == 5, np.nan, np.arange(100.0) % 7)
    row = {"recording": 1, "trace": np.full(300, np.inf), "anything": holes, "spikes": np.array([1 + 2j] * 3)}
    recordings.insert1(row)
    moduli, trace = images(recordings()._repr_html_())
    assert trace.count(b"M") == 6
    assert b"nan" not in trace
    assert moduli.count(b"L") == 2


def test_jobs_show_what_matters(half: type[lv.Computed]) -> None:
    half.populate(suppress_errors=True)
    text = half.jobs.preview()
    assert text.splitlines()[0] == "jobs of shown.Half · 2 rows · 13 more attributes by .proj(...)"
    assert text.splitlines()[1].split()[:4] == ["*number", "state", "error_type", "error_message"]
    assert "odd" in text
    assert "code_version" in half.jobs.proj(...).preview()


@pytest.fixture
def half(schema: lv.Schema) -> type[lv.Computed]:
    """A table that fails for one of two keys."""

    @schema
    class Number(lv.Lookup):
        definition = "number : int32"
        contents = ((0,), (1,))

    @schema
    class Half(lv.Computed):
        definition = "-> Number\n---\nhalf : float64"

        def make(self, key: dict[str, int]) -> None:
            if key["number"] % 2:
                raise ValueError("odd")
            self.insert1({**key, "half": key["number"] / 2})

    return Half


def test_objects_in_stores_are_shown_by_their_description(schema: lv.Schema, tmp_path: Path) -> None:
    folder = tmp_path / "session"
    folder.mkdir()
    (folder / "run.txt").write_text("text", encoding="utf-8")
    (tmp_path / "notes.txt").write_text("x" * 2000, encoding="utf-8")

    class Seen(lv.Codec):
        name = "seen"
        dtype = "<blob@>"

        def encode(self, value: object) -> object:
            return value

        def decode(self, stored: object) -> object:
            pytest.fail("a preview decodes nothing")

    @schema
    class Kept(lv.Manual):
        definition = """
        kept : int32
        ---
        trace = null : <blob@>
        image = null : <npy@>
        movie = null : <npy@>
        notes = null : <attach@>
        folder = null : <object@>
        coded = null : <seen>
        """

    row = {
        "kept": 1,
        "trace": np.arange(100) % 7,
        "image": np.eye(5),
        "movie": np.zeros((100, 100, 100)),
        "notes": tmp_path / "notes.txt",
        "folder": folder,
        "coded": [1],
    }
    Kept.insert([row, {"kept": 2}])
    html = Kept()._repr_html_()
    assert labels(html)[:7] == [
        "1",
        "int64 (100,)",
        "float64 (5, 5)",
        "float64 (100, 100, 100)",
        "notes.txt, 2 kB",
        "session/, 1 file, 4 B",
        "<seen>",
    ]
    assert labels(html)[7:] == ["2"] + ["NULL"] * 6
    assert len(images(html)) == 2


def test_a_narrow_terminal_shows_the_columns_that_fit(lab: lv.VirtualModule, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "24")
    lines = lab.Subject.preview().splitlines()
    assert lines[0] == "lab.Subject · an animal · 3 rows · not shown: name, weight"
    assert lines[1] == "*subject_id  species"
    assert max(map(len, lines[1:])) <= 24
    lab.Subject.update1({"subject_id": 1, "name": "A name of many letters"})
    for width, shown in ((44, "A name of man…"), (47, "A name of many l…"), (90, "A name of many letters")):
        monkeypatch.setenv("COLUMNS", str(width))
        lines = lab.Subject.preview().splitlines()
        assert f"  {shown}" in lines[3]
        assert len(lines[2]) <= width
    monkeypatch.setenv("COLUMNS", "5")
    assert lab.Subject.preview().splitlines()[1] == "*subject_id"

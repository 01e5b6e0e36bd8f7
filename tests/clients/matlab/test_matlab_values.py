"""Values of classes that only MATLAB has, in Octave with stand-ins for these classes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.clients.matlab.conftest import Octave

STAND_INS = Path(__file__).parent / "matlab_values"


def standing_in(octave: Octave, value: str, check: str) -> None:
    script = f"addpath('{STAND_INS}'); value = levada.internal.values.standIn({value}); assert({check}), disp('right')"
    assert "right" in octave.run(script)


def test_missing_categories_and_times_are_empty(octave: Octave) -> None:
    standing_in(octave, "categorical({'a' '<undefined>'})", "isequal(value, {'a' []})")
    standing_in(octave, "datetime(NaN)", "isequal(value, [])")
    standing_in(octave, "duration(NaN)", "isequal(value, [])")


def test_spans_count_microseconds_and_refuse_nan_in_arrays(octave: Octave) -> None:
    standing_in(octave, "duration([1 2])", "isequal(value.microseconds, int64([1000000 2000000]))")
    shown = octave.run(
        f"addpath('{STAND_INS}'); try, levada.internal.values.standIn(duration([1 NaN])); "
        "catch failure, disp(failure.identifier), end"
    )
    assert "levada:WrongValue" in shown


def test_files_are_read_as_utf_8_in_all_releases(octave: Octave, tmp_path: Path) -> None:
    (tmp_path / "text.m").write_text("größe μ\n", encoding="utf-8")
    script = f"disp(levada.internal.inputs.readText('{tmp_path}/text.m'))"
    assert "größe μ" in octave.run(script)
    missing = f"try, levada.internal.inputs.readText('{tmp_path}/none'); catch failure, disp(failure.message), end"
    assert f"{tmp_path}/none cannot be read" in octave.run(missing)


def test_an_error_keeps_letters_beyond_ascii(octave: Octave) -> None:
    attempt = (
        "try, levada.internal.calls.gateway('raise', 'NOT_FOUND', 'no größe μ', ''); catch f, disp(f.message), end"
    )
    assert "no größe μ" in octave.run(attempt)


def test_an_expression_asks_a_table_for_one_value(octave: Octave) -> None:
    script = """
    tables = levada.internal.schema.TableAccessor(levada.Schema('', 'lab'));
    references = struct('type', {'.' '.' '()'}, 'subs', {'Session' 'fetch' {{}}});
    assert(numArgumentsFromSubscript(tables, references(1), 'Statement') == 1)
    assert(numArgumentsFromSubscript(tables, references, 'Expression') == 1)
    disp('right')
    """
    assert "right" in octave.run(script)

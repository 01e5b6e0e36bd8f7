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


def refused(octave: Octave, value: str) -> None:
    attempt = f"try, levada.internal.values.standIn({value}); catch failure, disp(failure.identifier), end"
    assert "levada:WrongValue" in octave.run(f"addpath('{STAND_INS}'); {attempt}")


def test_spans_count_microseconds(octave: Octave) -> None:
    span = "struct('levada_type', 'duration', 'microseconds', int64({}))"
    standing_in(octave, "duration(1.5)", f"isequal(value, {span.format(1_500_000)})")
    standing_in(octave, "duration([1 NaN])", f"isequal(value, {{{span.format(1_000_000)}, []}})")
    standing_in(octave, "duration([1; 2])", f"isequal(value, {{{span.format(1_000_000)}; {span.format(2_000_000)}}})")
    refused(octave, "duration(Inf)")


def test_moments_keep_microseconds_in_all_years(octave: Octave) -> None:
    moment = "struct('levada_type', 'timestamp', 'microseconds', int64({}), 'zone', '')"
    day = 86_400_000_000
    far = 2_932_896 * day  # 9999-12-31
    standing_in(octave, "datetime(2932896, 0.001)", f"value.microseconds - int64({far}) == 1")
    standing_in(octave, "datetime(2932896, 86399999.999)", f"value.microseconds - int64({far}) == {day - 1}")
    standing_in(octave, "datetime(-1, 0.001)", f"isequal(value, {moment.format(1 - day)})")
    standing_in(octave, "datetime([0 NaN])", f"isequal(value, {{{moment.format(0)}, []}})")
    refused(octave, "datetime(-Inf)")


def test_columns_of_a_table_with_one_row_are_lists(octave: Octave) -> None:
    standing_in(octave, "table({duration(1), 5}, {'a' 'b'})", "iscell(value.columns{1}) && value.columns{2} == 5")
    sent = "levada.internal.calls.gateway('decodeValue', levada.internal.calls.gateway('encodeValue', value), true)"
    standing_in(octave, "table({duration(1), 5}, {'a' 'b'})", f"iscell(getfield({sent}, 'columns', {{1}}){{1}})")
    standing_in(octave, "table({categorical({'a'}), datetime(NaN)}, {'a' 'b'})", "isequal(value.columns, {{'a'} {[]}})")


def test_nothing_that_a_terminal_obeys_is_shown(octave: Octave) -> None:
    text = "a\tä€😀\x1b[2J\x9b\u202eb\u2066\x00\x7f"
    numbers = " ".join(map(str, text.encode()))
    shown = octave.run(f"disp(levada.internal.values.printable(char(uint8([{numbers}]))))")
    assert "a\tä€😀?[2J??b???" in shown


def test_files_are_read_as_utf_8_in_all_releases(octave: Octave, tmp_path: Path) -> None:
    (tmp_path / "text.m").write_text("größe μ\n", encoding="utf-8")
    script = f"disp(levada.internal.inputs.readText('{tmp_path}/text.m'))"
    assert "größe μ" in octave.run(script)
    missing = f"try, levada.internal.inputs.readText('{tmp_path}/none'); catch failure, disp(failure.message), end"
    assert f"{tmp_path}/none cannot be read" in octave.run(missing)


def test_a_file_in_another_encoding_is_read(octave: Octave, tmp_path: Path) -> None:
    (tmp_path / "latin.m").write_bytes(bytes([97, 228, 10]))
    assert "aä" in octave.run(f"disp(levada.internal.inputs.readText('{tmp_path}/latin.m'))")


def test_an_error_keeps_letters_beyond_ascii(octave: Octave) -> None:
    attempt = (
        "try, levada.internal.calls.gateway('raise', 'NOT_FOUND', 'no größe μ', ''); catch f, disp(f.message), end"
    )
    assert "no größe μ" in octave.run(attempt)


def test_an_error_of_a_call_has_the_whole_message_of_the_server(octave: Octave) -> None:
    script = """
    connection = levada.connect(address);
    request = struct('name', struct('schema', 'größe', 'table', 'None'));
    try, levada.internal.api.describeTable(connection, request); catch failure, end
    last = levada.internal.calls.gateway('lastError');
    assert(strcmp(failure.message, last.message)), disp(failure.message)
    """
    assert "größe" in octave.run(script)


def test_an_expression_asks_a_table_for_one_value(octave: Octave) -> None:
    script = """
    tables = levada.internal.schema.TableAccessor(levada.Schema('', 'lab'));
    references = struct('type', {'.' '.' '()'}, 'subs', {'Session' 'fetch' {{}}});
    assert(numArgumentsFromSubscript(tables, references(1), 'Statement') == 1)
    assert(numArgumentsFromSubscript(tables, references, 'Expression') == 1)
    disp('right')
    """
    assert "right" in octave.run(script)

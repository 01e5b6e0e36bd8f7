"""In Octave `help` shows the text of every public name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clients.matlab.generate_help import CONTENTS
from clients.matlab.public_names import functions, public

if TYPE_CHECKING:
    from tests.clients.matlab.conftest import Octave

NAMED_AS_OCTAVES = [
    *("levada.AlterationPlan.lines", "levada.Connection.close", "levada.Connection.delete", "levada.DeletePlan.lines"),
    *("levada.Jobs.refresh", "levada.Relation.union", "levada.Table.trace"),
]
"""Methods whose help Octave cannot show: it shows its own functions. MATLAB has no such limit."""

SHOW = """
wrong = {};
octaves = {};
for entry = entries
    shown = evalc(['help ' entry{1}{1}]);
    parts = strsplit(entry{1}{1}, '.');
    if numel(parts) == 3 && exist(parts{3}) == 2  % Octave shows its own function of this name
        octaves{end + 1} = entry{1}{1};
    elseif isempty(strfind(shown, entry{1}{2}))
        wrong{end + 1} = sprintf('%s: %s', entry{1}{1}, shown);
    end
end
disp(numel(entries)), disp(strjoin(sort(octaves))), disp(strjoin(wrong, newline()))
"""


def test_help_shows_the_text_of_each_function_class_and_method(octave: Octave) -> None:
    texts = {f"levada.{found.name}": "\n".join(found.help) for found in public()}
    texts |= {function.full_name: "\n".join(function.help) for function in functions()}
    pairs = ", ".join(f"{{{quoted(name)}, {quoted(text)}}}" for name, text in texts.items())
    number, octaves, *wrong = octave.run(f"entries = {{{pairs}}};\n{SHOW}").strip().split("\n")
    assert int(number) == len(texts) > 150
    assert not [line for line in wrong if line], "\n".join(wrong)
    assert octaves.split() == NAMED_AS_OCTAVES


def test_help_shows_the_contents(octave: Octave) -> None:
    shown = octave.run("help levada.Contents")
    assert all(line.removeprefix("%") in shown for line in CONTENTS.read_text(encoding="utf-8").split("\n"))


def quoted(text: str) -> str:
    """Return a text as Octave writes it."""
    lines = (line.replace("'", "''") for line in text.split("\n"))
    return "['" + "' char(10) '".join(lines) + "']"

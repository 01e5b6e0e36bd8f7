"""Contents.m and functionSignatures.json, which MATLAB shows beside help texts, agree with the M files."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from clients.matlab import generate_help
from clients.matlab.public_names import NAMESPACE, Class, functions, options, passed_on, public

if TYPE_CHECKING:
    from clients.matlab.public_names import Function

COMMAND = "run .venv/bin/python -m clients.matlab.generate_help"
KINDS = ("required", "ordered", "namevalue")
"""The kinds of arguments that are used here, in the order in which MATLAB wants them."""

Json: TypeAlias = Any  # what JSON can hold, with objects as lists of pairs


def entries() -> list[tuple[str, Json]]:
    """Read the file; names may come several times."""
    read: list[tuple[str, Json]] = json.loads(
        generate_help.SIGNATURES.read_text(encoding="utf-8"), object_pairs_hook=list
    )
    return read


def test_contents_lists_every_public_name() -> None:
    text = generate_help.CONTENTS.read_text(encoding="utf-8")
    assert text == generate_help.contents(), COMMAND
    listed = re.findall(r"^%   (\w+) +- \S", text, re.MULTILINE)
    files = {file.stem for file in NAMESPACE.glob("*.m")} - {"Contents"}
    assert sorted(listed) == sorted(files)


def test_signatures_are_those_of_the_functions() -> None:
    assert generate_help.SIGNATURES.read_text(encoding="utf-8") == generate_help.signatures(), COMMAND


def test_signatures_have_the_form_that_matlab_reads() -> None:
    (first, version), *signatures = entries()
    assert (first, version) == ("_schemaVersion", "1.0.0")
    for name, signature in signatures:
        assert re.fullmatch(r"levada(\.\w+){1,2}", name)
        for key, arguments in signature:
            assert key in {"inputs", "outputs"}, name
            given = [dict(argument) for argument in arguments]
            names = [argument["name"] for argument in given]
            assert len(set(names)) == len(names), name
            if key == "inputs":
                kinds = [KINDS.index(argument["kind"]) for argument in given]
                assert kinds == sorted(kinds), f"{name}: an argument that may be left out stands before others"
                by_place = [argument for argument in given if argument["kind"] != "namevalue"]
                assert not any("repeating" in argument for argument in by_place[:-1]), name
            for argument in given:
                check_argument(name, argument, key)


def check_argument(function: str, argument: dict[str, Json], key: str) -> None:
    allowed = {"name", "kind", "type", "purpose", "repeating"} if key == "inputs" else {"name"}
    assert set(argument) <= allowed, function
    assert re.fullmatch(r"[A-Za-z]\w*", str(argument["name"])), function
    assert argument.get("repeating", True) is True
    for text in argument.get("type", []):
        assert re.fullmatch(r"\w+|levada\.\w+|choices=\{'\w+'(, '\w+')*\}", text), (function, text)


def test_an_argument_that_may_be_left_out_is_not_required() -> None:
    download = next(dict(signature) for name, signature in entries() if name == "levada.StoredObject.download")
    assert [dict(argument)["kind"] for argument in download["inputs"]] == ["required", "ordered"]


def test_functions_of_several_forms_have_several_entries() -> None:
    names = [name for name, _ in entries()]
    assert names.count("levada.Schema") == 2  # with and without a connection
    assert names.count("levada.Table.insert") == 1


@pytest.mark.parametrize("function", list(functions()), ids=lambda function: function.full_name)
def test_help_names_the_options_that_are_read(function: Function) -> None:
    assert function.documented_options() <= set(options(function))
    documented = function.documented_options().union(*(each.documented_options() for each in passed_on(function)))
    for name in re.findall(r"as for (\w+)", " ".join(function.help)):
        documented |= next(each for each in functions() if each.name == name).documented_options()
    assert documented >= set(options(function))


def test_every_public_method_has_a_sentence() -> None:
    for found in public():
        methods = found.methods if isinstance(found, Class) else ()
        assert all(re.match(r"\S.*[.:]", each.sentence) for each in (found, *methods)), found.name

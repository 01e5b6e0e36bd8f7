"""Write what MATLAB shows beside help texts: `python generate_help.py`.

* `+levada/Contents.m`, the list that `help levada` shows;
* `resources/functionSignatures.json`, by which MATLAB's editor suggests arguments and options.

Both come from the M files, and a test compares them. They are committed, so that the toolbox of a clone has them.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, TypeAlias

from clients.matlab.public_names import NAMESPACE, TOOLBOX, Class, Function, functions, options, passed_on, public

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTENTS = NAMESPACE / "Contents.m"
SIGNATURES = TOOLBOX / "resources" / "functionSignatures.json"

SECTIONS = {
    "Connect": (
        *("connect", "login", "makeToken", "listTokens", "revokeTokens"),
        *("conn", "Connection", "config", "version", "failedCall"),
    ),
    "Schemas": ("Schema", "createSchema", "listSchemas", "virtualSchema", "Diagram", "ERD"),
    "Tables": ("Manual", "Lookup", "Imported", "Computed", "Part", "Table", "FreeTable", "AutoPopulate"),
    "Queries": ("Relation", "Top", "U", "Not", "AnyOf", "Lineage", "StoredObject"),
    "Computing": ("worker", "unchangedFiles", "Jobs", "Recomputation"),
    "Plans of changes": ("AlterationPlan", "DeletePlan"),
}
"""The public names in the order of Contents.m."""

Json: TypeAlias = "str | bool | list[str] | list[dict[str, Json]] | dict[str, Json]"

_TYPES: dict[str, list[str]] = {
    "attribute": ["char"],
    "authority": ["char"],
    "certificates": ["file"],
    "connection": ["levada.Connection"],
    "file": ["char"],
    "folder": ["folder"],
    "key": ["struct"],
    "limit": ["numeric"],
    "name": ["char"],
    "newName": ["char"],
    "offset": ["numeric"],
    "orderBy": ["char"],
    "package": ["char"],
    "parentFolder": ["folder"],
    "primary": ["logical"],
    "token": ["char"],
    "url": ["char"],
}
"""The types of arguments that have the same in all functions; others are not checked."""


def main() -> None:
    """Write both files."""
    CONTENTS.write_text(contents(), encoding="utf-8")
    SIGNATURES.parent.mkdir(exist_ok=True)
    SIGNATURES.write_text(signatures(), encoding="utf-8")


def contents() -> str:
    """Return the text of Contents.m."""
    sentences = {name_of(found): found.sentence for found in public()}
    named = [name for section in SECTIONS.values() for name in section]
    wrong = sorted(set(named) ^ set(sentences))
    assert not wrong, f"SECTIONS and the folder +levada differ in {', '.join(wrong)}"
    version = re.search(r"text = '(.+)';", (NAMESPACE / "version.m").read_text(encoding="utf-8"))
    assert version is not None
    lines = ["% Levada: scientific data pipelines on a server", f"% Version {version[1]}"]
    width = max(map(len, sentences))
    for title, names in SECTIONS.items():
        lines += ["%", f"% {title}"]
        lines += [f"%   {name:{width}} - {sentences[name]}" for name in names]
    lines += ["%", "% `help levada.connect` has more about a name, `help levada.Table.insert` about a method."]
    return "\n".join(lines) + "\n"


def name_of(found: Function | Class) -> str:
    """Return the name of a file."""
    return found.name


def signatures() -> str:
    """Return the text of functionSignatures.json. A function with several forms has several entries of one name."""
    entries: list[tuple[str, Json]] = [("_schemaVersion", "1.0.0")]
    for function in functions():
        entries += ((function.full_name, signature) for signature in _signatures(function))
    lines = ",\n".join(f"  {json.dumps(name)}: {_written(value)}" for name, value in entries)
    return f"{{\n{lines}\n}}\n"


def _written(value: Json) -> str:
    """Return JSON with a line for each argument."""
    if not isinstance(value, dict):
        return json.dumps(value)
    parts = []
    for key, arguments in value.items():
        assert isinstance(arguments, list)
        lines = ",\n".join(f"      {json.dumps(argument, ensure_ascii=False)}" for argument in arguments)
        parts.append(f'    "{key}": [\n{lines}\n    ]')
    return "{\n" + ",\n".join(parts) + "\n  }"


def _signatures(function: Function) -> Iterator[dict[str, Json]]:
    outputs: list[dict[str, Json]] = [{"name": name} for name in function.outputs if name != "varargout"]
    fixed = [name for name in function.inputs if name != "varargin"]
    named = list(_options(function))
    for more in _forms(function):
        inputs: list[dict[str, Json]] = []
        for index, name in enumerate(fixed):
            if index == 0 and function.is_method:
                shown = function.owner[:1].lower() + function.owner[1:]
                inputs.append({"name": shown, "kind": "required", "type": [f"levada.{function.owner}"]})
            else:
                inputs.append(_positional(function, name))
        inputs += more
        signature: dict[str, Json] = {}
        if inputs or named:
            signature["inputs"] = inputs + named
        if outputs:
            signature["outputs"] = outputs
        if signature:
            yield signature


def _positional(function: Function, name: str) -> dict[str, Json]:
    """Describe an argument by its place."""
    found: dict[str, Json] = {"name": name, "kind": "ordered" if _is_optional(function, name) else "required"}
    if name in _TYPES:
        found["type"] = _TYPES[name]
    if purpose := function.purposes().get(name):
        found["purpose"] = purpose
    return found


def _is_optional(function: Function, name: str) -> bool:
    """Whether the code asks if the argument is there."""
    if name not in function.inputs:
        return True
    place = function.inputs.index(name) + 1
    asked = re.findall(r"nargin (<|>|==) (\d)", function.body)
    return any(int(number) <= place if sign == "<" else int(number) < place for sign, number in asked)


def _forms(function: Function) -> Iterator[list[dict[str, Json]]]:
    """Yield the further arguments of each form of a call, as the help shows them."""
    if "varargin" not in function.inputs:
        yield []
        return
    known = {name for name in function.inputs if name not in {"self", "varargin"}}
    shown: dict[tuple[str, ...], bool] = {}
    for usage in function.usages():
        further = tuple(name for name in usage.positional if name not in known and len(name) > 1)
        shown[further] = shown.get(further, False) or (usage.repeats and bool(further))
    for names, repeats in shown.items():
        if not any(names == other[: len(names)] for other in shown if other != names):
            arguments = [_positional(function, name) for name in names]
            if repeats:
                arguments[-1]["repeating"] = True
            yield arguments
    if not shown:
        yield []


def _options(function: Function) -> Iterator[dict[str, Json]]:
    purposes = function.purposes()
    for method in passed_on(function):
        purposes = {**method.purposes(), **purposes}
    for name, default in options(function).items():
        found: dict[str, Json] = {"name": name, "kind": "namevalue"}
        kind = _type_of(name, default, function)
        if kind:
            found["type"] = kind
        if name in purposes:
            found["purpose"] = purposes[name]
        yield found


def _type_of(name: str, default: str, function: Function) -> list[str]:
    """Return the type of an option from the code of its default, and the choices from its help."""
    if default.startswith("'") and default != "''":
        texts = " ".join(
            [line for line in function.help if f"'{name}'" in line or line.lstrip().startswith(f"{name} ")]
        )
        choices = sorted({default.strip("'"), *re.findall(r"'([a-z]+)'", texts)})
        return [f"choices={{{', '.join(repr(choice) for choice in choices)}}}"]
    if default in {"true", "false"} or re.match(r"levada\.config\(|any\(|strcmp\(|defaults\.", default):
        return ["logical", "scalar"]
    if re.match(r"\d|Inf", default):
        return ["numeric", "scalar"]
    return {"''": ["char"], "struct()": ["struct"], "{{}}": ["cell"]}.get(default, [])


if __name__ == "__main__":
    main()

"""The cases that every client runs: read from tests/cases/*.json, and run here by the Python client.

tests/cases/README.md describes the files.
"""

from __future__ import annotations

import datetime as dt
import json
import math
from contextlib import nullcontext
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias
from uuid import UUID

import numpy as np
import pytest
import scipy.sparse

import levada as lv

FOLDER = Path(__file__).parents[1] / "cases"
TIERS = {"lookup": lv.Lookup, "manual": lv.Manual, "imported": lv.Imported, "computed": lv.Computed}

Json: TypeAlias = Any  # the content of a case file
Native: TypeAlias = Any  # a value of an attribute, or within one


def case_names() -> list[str]:
    """Name all cases."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def read_case(name: str) -> dict[str, Json]:
    """Read a case."""
    case: dict[str, Json] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return case


# ------------------------------------------------------------------------------------------------------ values


def native(value: Json) -> Native:  # noqa: C901  # one arm for each kind
    """Make the Python value that a value of a case stands for."""
    if not isinstance(value, dict):
        return value
    kind = value["kind"]
    if kind in _TEXTS:
        return _TEXTS[kind](value["text"])
    match kind:
        case "null":
            return None
        case "bytes":
            return bytes.fromhex(value["hex"])
        case "complex":
            return complex(float(value["real"]), float(value["imaginary"]))
        case "list":
            return [within(item) for item in value["values"]]
        case "tuple":
            return tuple(within(item) for item in value["values"])
        case "set":
            return {within(item) for item in value["values"]}
        case "frozen_set":
            return frozenset(within(item) for item in value["values"])
        case "map":
            return dict(zip(value["keys"], map(within, value["values"]), strict=True))
        case "any_map":
            return dict(zip(map(within, value["keys"]), map(within, value["values"]), strict=True))
        case "array":
            return _array(value)
        case "scalar":
            return _array({**value, "shape": [1]})[0]
        case "cells":
            return _objects([within(item) for item in value["values"]], value["shape"])
        case "structs":
            return _structs(value)
        case "sparse":
            places = np.array(value["rows"]) - 1, np.array(value["columns"]) - 1
            return scipy.sparse.csc_array((np.array(value["values"], float), places), shape=value["shape"])
        case "instants":
            return np.array([int(count) for count in value["counts"]], np.int64).view(value["dtype"])
        case _:
            raise ValueError(f"There is no kind of value {kind!r}.")


def _objects(values: list[Any], shape: list[int]) -> np.ndarray[Any, Any]:  # Any: of each kind
    """Make an array of objects whose first index varies fastest, as cells of MATLAB are written here."""
    array: np.ndarray[Any, Any] = np.empty(len(values), object)  # Any: as above
    array[:] = values
    return array.reshape(shape, order="F")


def _structs(value: dict[str, Json]) -> np.ndarray[Any, Any]:  # Any: records
    fields = value["fields"]
    array: np.ndarray[Any, Any] = np.empty(value["shape"], [(name, object) for name in fields])  # Any: as above
    for number, name in enumerate(fields):
        values = [within(item) for item in value["values"][number :: len(fields)]]
        array[name] = _objects(values, value["shape"])
    return array


def _moment_utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).astimezone(dt.UTC)


def _span(text: str) -> dt.timedelta:
    hours, minutes, seconds = text.removeprefix("-").split(":")
    whole, _, fraction = seconds.partition(".")
    span = dt.timedelta(
        hours=int(hours), minutes=int(minutes), seconds=int(whole), microseconds=int(fraction.ljust(6, "0"))
    )
    return -span if text.startswith("-") else span


_TEXTS: dict[str, Any] = {  # Any: each makes a value of its own type
    "integer": int,
    "float": float,
    "decimal": Decimal,
    "date": dt.date.fromisoformat,
    "time": dt.time.fromisoformat,
    "duration": _span,
    "datetime": dt.datetime.fromisoformat,
    "timestamptz": _moment_utc,
    "uuid": UUID,
    "big_integer": int,
    "json": json.loads,
}


def within(value: Json) -> Native:
    """Make a value of a blob, or within one: a plain number is a double there."""
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else native(value)


def _array(value: dict[str, Json]) -> np.ndarray[Any, Any]:  # Any: the case names the dtype
    dtype = np.dtype(value["dtype"])
    elements: list[Any] = value["values"]  # Any: numbers, text of wide ones, pairs of complex ones
    if dtype.kind == "c":
        elements = [complex(float(real), float(imaginary)) for real, imaginary in elements]
    elif dtype.kind in "iu":
        elements = [int(element) for element in elements]
    array: np.ndarray[Any, Any] = np.array(elements, dtype).reshape(value["shape"])
    return array


def same(expected: Native, got: Native) -> bool:
    """Return whether two values are equal: NaN equals NaN, 0.0 does not equal -0.0, arrays have type and shape.

    A language without vectors of one dimension makes columns of them, so (n,) and (n, 1) are the same shape.
    """
    if isinstance(expected, np.ndarray):
        if not isinstance(got, np.ndarray) or _shape(expected) != _shape(got):
            return False
        if expected.dtype.names is not None:
            return expected.dtype.names == got.dtype.names and all(
                same(expected[name], got[name]) for name in expected.dtype.names
            )
        if expected.dtype == object:
            return got.dtype == object and same(expected.ravel().tolist(), got.ravel().tolist())
        return (
            expected.dtype == got.dtype
            and np.asarray(expected, order="C").tobytes() == np.asarray(got, order="C").tobytes()
        )
    if isinstance(expected, np.generic):
        return type(expected) is type(got) and expected.tobytes() == got.tobytes()
    if isinstance(expected, scipy.sparse.sparray):
        return (
            isinstance(got, scipy.sparse.sparray)
            and expected.dtype == got.dtype
            and same(expected.toarray(), got.toarray())
        )
    if type(expected) is not type(got):
        return False
    match expected:
        case float():
            return (math.isnan(expected) and math.isnan(got)) or repr(expected) == repr(got)
        case complex():
            return same(expected.real, got.real) and same(expected.imag, got.imag)
        case dict():
            return same(list(expected), list(got)) and all(same(expected[key], got[key]) for key in expected)
        case list() | tuple():
            return len(expected) == len(got) and all(same(e, g) for e, g in zip(expected, got, strict=True))
        case _:
            return bool(expected == got)


def _shape(array: np.ndarray[Any, Any]) -> tuple[int, ...]:
    shape: tuple[int, ...] = array.shape
    return shape[:1] if len(shape) == 2 and shape[1] == 1 else shape


# --------------------------------------------------------------------------------------------------- relations


@dataclass(frozen=True)
class CaseSchema:
    """The tables of a case in one schema."""

    name: str
    connection: lv.Connection

    def table(self, name: str) -> lv.FreeTable:
        return lv.FreeTable(self.connection, f"{self.name}.{name}")

    def relation(self, given: Json) -> Any:  # noqa: ANN401  # a relation of any class
        """Make the relation that an expression of a case stands for."""
        if isinstance(given, str):
            return self.table(given)
        operator = next(name for name in given if name in _OPERATORS)
        operand = given[operator]
        match operator:
            case "restrict":
                return self.relation(operand) & self.condition(given["by"])
            case "antirestrict":
                return self.relation(operand) - self.condition(given["by"])
            case "project":
                attributes, named = _words(given["attributes"])
                return self.relation(operand).proj(*attributes, **named)
            case "aggregate":
                attributes, named = _words(given["attributes"])
                keep = given.get("keep_all_rows", True)
                group = self.relation(given["group"])
                return self.relation(operand).aggr(group, *attributes, keep_all_rows=keep, **named)
            case "join":
                return self.relation(operand[0]) * self.relation(operand[1])
            case "left_join":
                return self.relation(operand[0]).join(self.relation(operand[1]), left=True)
            case "extend":
                return self.relation(operand[0]).extend(self.relation(operand[1]))
            case "union":
                return self.relation(operand[0]) + self.relation(operand[1])
            case "universal_set":
                return lv.U(*operand)
            case "top":
                top = lv.Top(given.get("limit"), given.get("order"), given.get("offset", 0))
                return self.relation(operand) & top
            case _:
                raise ValueError(f"There is no operator {operator!r}.")

    def condition(self, given: Json) -> Any:  # noqa: ANN401  # a condition of any kind
        """Make the condition that one of a case stands for."""
        if isinstance(given, (str, bool)):
            return given
        kind, content = next(iter(given.items()))
        match kind:
            case "equal":
                return {name: self._value(value) for name, value in content.items()}
            case "any":
                return [self.condition(c) for c in content]
            case "all":
                return lv.AndList([self.condition(c) for c in content])
            case "not":
                return lv.Not(self.condition(content))
            case "relation":
                return self.relation(content)
            case _:
                raise ValueError(f"There is no condition {kind!r}.")

    @staticmethod
    def _value(value: Json) -> Native:
        return [native(item) for item in value] if isinstance(value, list) else native(value)

    # ------------------------------------------------------------------------------------------------- steps

    def declare(self, case: dict[str, Json]) -> None:
        """Declare the tables of a case and insert its rows."""
        schema = lv.Schema(self.name, connection=self.connection)
        declared: dict[str, type[lv.Table]] = {}
        for table in case["tables"]:
            name = table["name"]
            parts = {
                part["name"]: type(part["name"], (lv.Part,), {"definition": "\n".join(part["definition"])})
                for part in table.get("parts", ())
            }
            members = {"definition": "\n".join(table["definition"]), **parts}
            declared[name] = schema(type(name, (TIERS[table.get("tier", "manual")],), members), context=declared)
        for rows in case.get("rows", ()):
            self.insert(rows)

    def insert(self, given: Json) -> None:
        """Insert rows as a case has them."""
        table = self.table(given["table"])
        table.insert([_row(table, row) for row in given["rows"]], **given.get("options", {}))

    def check(self, case: dict[str, Json]) -> None:
        """Check that every query of a case gives the expected result."""
        for check in case.get("checks", ()):
            self.step(check)

    def change(self, case: dict[str, Json]) -> None:
        """Run the steps of a case that change something."""
        for step in case.get("changes", ()):
            self.step(step)

    def differences(self, other: CaseSchema, case: dict[str, Json]) -> set[str]:
        """Name the attributes of the case's tables, as `Table.attribute`, whose values are not the same in both."""
        found: set[str] = set()
        for table in case["tables"]:
            for name in (table["name"], *(f"{table['name']}.{part['name']}" for part in table.get("parts", ()))):
                mine, others = (schema.table(name).to_dicts(order_by="KEY") for schema in (self, other))
                assert len(mine) == len(others), name
                for row, copied in zip(mine, others, strict=True):
                    found |= {f"{name}.{key}" for key, value in row.items() if not same(value, copied[key])}
        return found

    def step(self, step: Json) -> None:
        """Run a step and compare its outcome."""
        warns = pytest.warns(lv.LevadaWarning) if step.get("warns") else nullcontext()
        try:
            with warns:
                self._take(step)
        except lv.LevadaError as error:
            assert error.reason == step.get("error"), f"{step}: {error.reason}: {error}"
        else:
            assert "error" not in step, f"{step}: nothing went wrong"

    def _take(self, step: Json) -> None:
        if "insert" in step:
            self.insert(step["insert"])
        elif "update" in step:
            table = self.table(step["update"]["table"])
            table.update1(_row(table, step["update"]["row"]))
        elif "delete" in step:
            count = self.relation(step["delete"]).delete(prompt=False)
            assert count == step.get("count", count), step
        else:
            self._query(step)

    def _query(self, step: Json) -> None:
        relation = self.relation(step["relation"])
        if "primary_key" in step:
            assert relation.primary_key == step["primary_key"], step
        if "types" in step:
            assert {a.name: a.type for a in relation.heading.attributes.values()} == step["types"], step
        if "count" in step:
            assert len(relation) == step["count"], step
        if "exists" in step:
            assert bool(relation) is step["exists"], step
        if "rows" in step or "error" in step:
            got = relation.to_dicts(order_by=step.get("order", "KEY"))
            expected = step.get("rows", [])
            assert len(got) == len(expected), f"{step}: {got}"
            for wanted, row in zip(expected, got, strict=True):
                assert list(row) == list(wanted), f"{step}: {row}"
                for name, value in wanted.items():
                    value = _attribute(value, relation.heading[name].type)
                    assert same(value, row[name]), f"{step}: {name} is {row[name]!r}, not {value!r}"


def _attribute(value: Json, type_: str) -> Native:
    """Make the value that an attribute of a type has for a value of a case."""
    if type_ == "<blob>":
        return within(value)
    value = native(value)
    if type_ == "float32" and isinstance(value, (int, float)):
        return float(str(np.float32(value)))  # its shortest digits
    if type_ == "float64" and isinstance(value, int):
        return float(value)
    return value


def _row(table: lv.FreeTable, row: dict[str, Json]) -> dict[str, Native]:
    types = {attribute.name: attribute.type for attribute in table.heading.attributes.values()}
    return {name: within(value) if types.get(name) == "<blob>" else native(value) for name, value in row.items()}


_OPERATORS = {
    "restrict",
    "antirestrict",
    "project",
    "aggregate",
    "join",
    "left_join",
    "extend",
    "union",
    "universal_set",
    "top",
}


def _words(words: list[str]) -> tuple[list[Any], dict[str, str]]:
    """Split the words of a projection into names and named expressions."""
    attributes: list[Any] = []
    named: dict[str, str] = {}
    for word in words:
        old, arrow, new = word.rpartition("->")
        if arrow:
            named[new.strip()] = old.strip()
        else:
            attributes.append(... if word == "*" else word)
    return attributes, named

"""The one table of errors: each class has its reason and code, and protocol, clients and docs know all of them."""

from __future__ import annotations

import re
from pathlib import Path

import grpc
import pytest

import levada as lv
from levada_api.v1 import error_pb2
from levada_server import errors
from levada_server.storage.postgres.failures import STATES

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "errors.md"
MATLAB_IDENTIFIER = re.compile(r"\blevada:([A-Z][A-Za-z]+)\b")
NO_ERRORS = {"Warning", "Reason"}
"""MATLAB's identifier of warnings, and the word that stands for any reason in its help texts."""
GATEWAY_ERROR = re.compile(r'\bError\("([A-Z_]+)"')


def descend(cls: type[errors.LevadaError]) -> list[type[errors.LevadaError]]:
    """List a class's descendants, parents first."""
    return [found for child in cls.__subclasses__() for found in (child, *descend(child))]


ERRORS = descend(errors.LevadaError)
REASONS = {error.reason: error for error in ERRORS}
each_error = pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)


@each_error
def test_each_error_has_a_reason_and_a_code_of_grpc(error: type[errors.LevadaError]) -> None:
    assert vars(error)["reason"].replace("_", "").lower() == error.__name__.lower()
    assert error.code in grpc.StatusCode.__members__


def test_the_protocol_has_exactly_these_reasons() -> None:
    names = {name.removeprefix("ERROR_REASON_") for name in error_pb2.ErrorReason.DESCRIPTOR.values_by_name}
    assert sorted(error.reason for error in ERRORS) == sorted(names - {"UNSPECIFIED"})


@each_error
def test_the_python_client_has_a_class_for_each_error_below_the_same_classes(error: type[errors.LevadaError]) -> None:
    theirs = getattr(lv.errors, error.__name__)
    assert vars(theirs)["reason"] == error.reason
    parents = [base for base in error.__mro__[1:] if base in ERRORS]
    assert all(issubclass(theirs, getattr(lv.errors, parent.__name__)) for parent in parents)


def test_matlab_knows_no_other_identifiers() -> None:
    known = {error.__name__ for error in ERRORS} | NO_ERRORS
    files = [*(ROOT / "clients" / "matlab").rglob("*.m"), *(ROOT / "docs" / "matlab").rglob("*.md")]
    named = {(name, file.name) for file in files for name in MATLAB_IDENTIFIER.findall(file.read_text("utf-8"))}
    assert {(name, file) for name, file in named if name not in known} == set()
    assert named


def test_the_gateway_of_matlab_raises_no_other_reasons() -> None:
    files = [file for kind in ("*.hpp", "*.cpp") for file in (ROOT / "clients" / "matlab" / "mex").rglob(kind)]
    raised = {reason for file in files for reason in GATEWAY_ERROR.findall(file.read_text("utf-8"))}
    assert raised - REASONS.keys() == set()
    assert raised


def test_the_page_has_a_row_for_each_error_with_its_code_and_what_postgresql_raises_it_as() -> None:
    rows = [line.split("|")[1:-1] for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `")]
    listed = []
    for reason, code, states, what in rows:
        assert what.strip()
        listed.append((reason.strip(" `"), code.strip(), states.replace(",", " ").split()))
    expected = [
        (error.reason, error.code, sorted({row.states for row in STATES if row.error is error})) for error in ERRORS
    ]
    assert sorted(listed) == sorted(expected)

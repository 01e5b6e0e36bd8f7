"""One class per reason of the protocol, and DataJoint's names above them."""

from __future__ import annotations

import pickle

import pytest
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2

import levada as lv
from levada._base import errors
from levada._base.errors import error_from_status
from levada_api.v1 import error_pb2

REASONS = [
    value.name.removeprefix("ERROR_REASON_")
    for value in error_pb2.DESCRIPTOR.enum_types_by_name["ErrorReason"].values
    if value.number
]


def status(reason: str, domain: str = "levada", code: int = 13) -> status_pb2.Status:
    detail = any_pb2.Any()
    detail.Pack(error_details_pb2.ErrorInfo(reason=reason, domain=domain, metadata={"row": "3"}))
    return status_pb2.Status(code=code, message="no", details=[detail])


@pytest.mark.parametrize("reason", REASONS)
def test_each_reason_has_a_class_of_its_name(reason: str) -> None:
    error = error_from_status(status(reason))
    assert type(error).__name__.lower() == reason.replace("_", "").lower()
    assert (error.reason, error.details, str(error)) == (reason, {"row": "3"}, "no")
    assert isinstance(error, lv.DataJointError)


@pytest.mark.parametrize(
    ("reason", "older"),
    [
        ("DUPLICATE_ENTITY", "DuplicateError"),
        ("MISSING_PARENT", "IntegrityError"),
        ("HAS_CHILDREN", "IntegrityError"),
        ("UNKNOWN_TABLE", "MissingTableError"),
        ("UNKNOWN_ATTRIBUTE", "UnknownAttributeError"),
        ("MISSING_ATTRIBUTE", "MissingAttributeError"),
        ("PERMISSION_DENIED", "AccessError"),
        ("UNAUTHENTICATED", "AccessError"),
        ("DAMAGED_OBJECT", "MissingExternalFile"),
        ("UNKNOWN_OBJECT", "MissingExternalFile"),
        ("UNAVAILABLE", "LostConnectionError"),
        ("INVALID_EXPRESSION", "QuerySyntaxError"),
    ],
)
def test_older_names_catch_the_newer_errors(reason: str, older: str) -> None:
    assert isinstance(error_from_status(status(reason)), getattr(lv.errors, older))


def test_a_reason_of_a_newer_server_keeps_its_name() -> None:
    error = error_from_status(status("BRAND_NEW", code=5))
    assert (type(error), error.reason) == (lv.errors.NotFound, "BRAND_NEW")


def test_a_status_of_somebody_else_is_known_by_its_code() -> None:
    assert type(error_from_status(status("X", domain="proxy", code=14))) is lv.errors.Unavailable
    assert type(error_from_status(status_pb2.Status(code=2, message="?"))) is lv.errors.Internal


def test_an_error_survives_pickling() -> None:
    error = pickle.loads(pickle.dumps(lv.errors.WrongValue("no", {"row": 3})))
    assert (type(error), str(error), error.details) == (lv.errors.WrongValue, "no", {"row": "3"})


def test_every_error_is_public() -> None:
    kinds = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)}
    assert set(lv.errors.__all__) == kinds | {"LevadaWarning"}


def test_an_error_has_the_id_of_the_call_that_the_servers_log_has(caplog: pytest.LogCaptureFixture) -> None:
    failed = status("DUPLICATE_ENTITY")
    failed.details.add().Pack(error_details_pb2.RequestInfo(request_id="17-4"))
    with caplog.at_level("DEBUG", "levada"):
        error = error_from_status(failed)
    assert (error.call_id, error.details, error.reason) == ("17-4", {"row": "3"}, "DUPLICATE_ENTITY")
    assert caplog.messages == ["call 17-4 failed: DuplicateEntity: no"]
    assert pickle.loads(pickle.dumps(error)).call_id == "17-4"
    assert lv.errors.Internal("here").call_id is None

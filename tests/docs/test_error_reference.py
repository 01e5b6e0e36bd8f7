"""The page on errors is complete."""

from __future__ import annotations

import re
from pathlib import Path

from levada_api.v1 import error_pb2

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "errors.md"


def test_page_lists_every_reason_once() -> None:
    listed = re.findall(r"^\| `([A-Z_]+)` \|", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    defined = [name.removeprefix("ERROR_REASON_") for name in error_pb2.ErrorReason.DESCRIPTOR.values_by_name]
    assert sorted(listed) == sorted(name for name in defined if name != "UNSPECIFIED")

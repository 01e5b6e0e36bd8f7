"""The public names of `import levada`."""

from __future__ import annotations

import subprocess
import sys

import pytest

import levada as lv


def test_all_is_what_it_says() -> None:
    assert sorted(lv.__all__) == lv.__all__
    for name in lv.__all__:
        assert hasattr(lv, name), name


OLDER_NAMES = (
    "Manual Lookup Imported Computed Part Schema schema U Top AndList Not FreeTable VirtualModule "
    "create_virtual_module conn config errors key_hash logger DataJointError list_schemas"
)


@pytest.mark.parametrize("name", OLDER_NAMES.split())
def test_names_of_datajoint_are_there(name: str) -> None:
    assert name in lv.__all__


def test_errors_and_utilities_are_modules() -> None:
    from levada.errors import DuplicateError
    from levada.utils import from_camel_case, to_camel_case

    assert lv.errors.DuplicateError is DuplicateError
    assert to_camel_case("session__trial_event") == "Session.TrialEvent"
    assert from_camel_case("Session.TrialEvent") == "session__trial_event"


def test_a_key_has_the_digest_of_older_code() -> None:
    assert lv.key_hash({"b": 2, "a": "x"}) == lv.key_hash({"a": "x", "b": 2})
    assert len(lv.key_hash({})) == 32


def test_settings_are_a_mapping_that_takes_any_name() -> None:
    with lv.config.override(custom={"root": "/data"}, display__limit=3):
        assert lv.config["custom"]["root"] == "/data"
        assert lv.config["display.limit"] == 3
        with lv.config(safemode=False):
            assert lv.config["safemode"] is False
        assert lv.config["safemode"] is True
    assert lv.config["custom"] == {}
    assert lv.config.get("nothing") is None


LAZY = """
import sys
import levada as lv
assert not {"grpc", "numpy", "pyarrow"} & set(sys.modules), "the import is slow"
assert {"Schema", "errors", "__version__"} <= set(dir(lv))
assert "Schema" in vars(lv)
from levada import *
assert Schema is lv.Schema
try:
    lv.nothing_of_this_name
except AttributeError as error:
    print(error)
"""


def test_names_are_loaded_when_they_are_used() -> None:
    told = subprocess.run([sys.executable, "-c", LAZY], capture_output=True, text=True, check=False)
    assert (told.returncode, told.stderr) == (0, "")
    assert "nothing_of_this_name" in told.stdout

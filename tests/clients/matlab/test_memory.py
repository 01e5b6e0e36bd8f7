"""The toolbox keeps no memory of fetched rows."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.clients.matlab.m_tests import MTests


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_stays_flat_over_1_500_calls(m_tests: MTests, server_address: str) -> None:
    warm, *after = (
        m_tests.run("testMemory", "test_many_calls", server_address, rounds=rounds) for rounds in (50, 50, 50)
    )
    assert max(after) - warm < 8 * 2**20, (warm, after)

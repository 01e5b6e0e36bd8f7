"""A connection that hypothesis can use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.pipeline_in_postgres import Postgres

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def postgres(database_url: str) -> Iterator[Postgres]:
    """A database for this test alone; each example leaves it unchanged."""
    connected = Postgres(database_url)
    yield connected
    connected.close()

"""The containers of docker-compose.yml fit together, as far as that shows without Docker."""

from __future__ import annotations

import re
from pathlib import Path

COMPOSE = (Path(__file__).parents[2] / "docker-compose.yml").read_text(encoding="utf-8")


def test_commands_in_the_container_of_the_server_are_for_that_server() -> None:
    (port,) = re.findall(r"--listen=0\.0\.0\.0:(\d+)", COMPOSE)
    assert f"LEVADA_URL: localhost:{port}\n" in COMPOSE

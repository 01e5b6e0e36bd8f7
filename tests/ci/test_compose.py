"""The containers of docker-compose.yml fit together, as far as that shows without Docker."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks import lab

TEXT = (Path(__file__).parents[2] / "docker-compose.yml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]  # Any: as the Compose specification has it
SERVERS = [name for name in SERVICES if name.startswith("server")]
ENDS = {"bucket", "certificates"}
STORE = {"store_key_id", "store_secret"}


def test_commands_in_the_container_of_a_server_are_for_that_server() -> None:
    for name in SERVERS:
        (port,) = re.findall(r"--listen=0\.0\.0\.0:(\d+)", SERVICES[name]["command"][0])
        assert SERVICES[name]["environment"]["LEVADA_URL"] == f"localhost:{port}"


def test_it_has_the_topology_that_is_tested_as_processes() -> None:
    assert len(SERVERS) == lab.SERVERS
    assert set(SERVICES) == {"database", "objects", "bucket", "certificates", *SERVERS, "worker", "backups"}


@pytest.mark.parametrize(
    ("name", "secrets"),
    [
        ("database", {"database_password"}),
        ("objects", STORE),
        *((name, {"database_password", *STORE}) for name in ("server-1", "server-2", "backups")),
        ("worker", {"worker_token"}),
        ("bucket", set()),
        ("certificates", set()),
    ],
)
def test_a_service_sees_only_the_secrets_that_it_needs(name: str, secrets: set[str]) -> None:
    service = SERVICES[name]
    assert set(service.get("secrets", ())) == secrets
    read = re.findall(r"/run/secrets/(\w+)", str([service.get("command"), service.get("environment")]))
    assert set(read) == secrets <= set(COMPOSE["secrets"])


def test_no_secret_is_in_an_environment() -> None:
    for service in SERVICES.values():
        for variable in service.get("environment", {}):
            assert variable.endswith("_FILE") or not re.search("PASSWORD|SECRET|TOKEN|KEY", variable)


def test_workers_do_not_see_the_keys_of_certificates() -> None:
    volumes = {name: [volume.split(":")[0] for volume in SERVICES[name]["volumes"]] for name in ("worker", "server-1")}
    assert ("certificates" in volumes["worker"], "certificates" in volumes["server-1"]) == (False, True)


def test_every_service_that_stays_says_whether_it_is_well() -> None:
    # A worker that ends is started again; the servers know whether it lives.
    assert {name for name in SERVICES if "healthcheck" not in SERVICES[name]} == {*ENDS, "worker"}


def test_ports_are_published_on_loopback_alone() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)

"""The manifests of `examples/kubernetes` are valid, and fit each other and the commands that they run.

Nothing here runs them: that needs a cluster.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from levada._cli.grammar.root import root
from levada_server.cli import command_parser

TESTS = ("levada._cli.grammar.root",)
FOLDER = Path(__file__).parents[2] / "examples" / "kubernetes"
RELEASES = ("1.32", kubernetes_validate.latest_version())
FOREIGN = {"ScaledObject"}
"""Resources of others, whose schema kubernetes-validate does not have."""

Manifest = dict[str, Any]  # Any: values from YAML

MANIFESTS: list[tuple[str, Manifest]] = [
    (f"{file.name}: {manifest['kind']} {manifest['metadata']['name']}", manifest)
    for file in sorted(FOLDER.glob("*.yaml"))
    for manifest in yaml.safe_load_all(file.read_text(encoding="utf-8"))
]
PODS = [(name, manifest) for name, manifest in MANIFESTS if manifest["kind"] in ("Deployment", "Job")]
each = pytest.mark.parametrize("manifest", [m for _, m in MANIFESTS], ids=[name for name, _ in MANIFESTS])
each_pod = pytest.mark.parametrize("manifest", [m for _, m in PODS], ids=[name for name, _ in PODS])


def pod(manifest: Manifest) -> Manifest:
    """The template of its pods."""
    template: Manifest = manifest["spec"]["template"]
    return template


def container(manifest: Manifest) -> Manifest:
    """The only container of its pods."""
    (only,) = pod(manifest)["spec"]["containers"]
    found: Manifest = only
    return found


def option(manifest: Manifest, name: str) -> str:
    """The value of an option of its command."""
    (found,) = [word.partition("=")[2] for word in container(manifest)["args"] if word.startswith(f"--{name}=")]
    return str(found)


@each
@pytest.mark.parametrize("release", RELEASES)
def test_manifest_is_one_that_kubernetes_takes(manifest: Manifest, release: str) -> None:
    if manifest["kind"] in FOREIGN:
        with pytest.raises(kubernetes_validate.SchemaNotFoundError):
            kubernetes_validate.validate(manifest, release)
        return
    kubernetes_validate.validate(manifest, release, strict=True)


@each_pod
def test_pod_runs_without_root_on_a_file_system_that_nobody_writes(manifest: Manifest) -> None:
    spec = pod(manifest)["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    assert container(manifest)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


@each_pod
def test_pod_mounts_the_volumes_that_it_has(manifest: Manifest) -> None:
    volumes = {volume["name"] for volume in pod(manifest)["spec"]["volumes"]}
    assert volumes == {mount["name"] for mount in container(manifest)["volumeMounts"]}


@each_pod
def test_command_of_a_pod_is_one_of_levada(manifest: Manifest) -> None:
    words = container(manifest)
    command: list[str] = [*words.get("command", ["levada"])[1:], *words["args"]]
    parser = command_parser() if command[0] == "serve" else root()
    parser.parse_args(command)  # it would exit


@each_pod
def test_pod_has_more_time_to_stop_than_its_work_takes(manifest: Manifest) -> None:
    longest = float(option(manifest, "grace"))
    if manifest["metadata"]["name"] == "levada-server":
        longest += 1.5 + 30  # until clients have gone on, and until what does not end is given up
    assert pod(manifest)["spec"]["terminationGracePeriodSeconds"] > longest + 5


def test_everything_that_selects_pods_finds_some() -> None:
    labels = [pod(manifest)["metadata"]["labels"] for _, manifest in PODS]
    ports = {port["name"]: port["containerPort"] for _, m in PODS for port in container(m).get("ports", ())}
    for name, manifest in MANIFESTS:
        spec = manifest["spec"]
        selector = spec.get("podSelector", spec.get("selector", {}))
        wanted = selector.get("matchLabels", selector)
        if wanted:
            assert any(wanted.items() <= found.items() for found in labels), name
        if manifest["kind"] in ("HorizontalPodAutoscaler", "ScaledObject"):
            assert spec["scaleTargetRef"]["name"] in {m["metadata"]["name"] for _, m in PODS}
        if manifest["kind"] == "Service":
            assert {port["port"] for port in spec["ports"]} <= set(ports.values())


def test_workers_of_gpus_and_the_others_share_no_table() -> None:
    tables = [
        set(root().parse_args([*container(m)["command"][1:], *container(m)["args"]]).tables)
        for _, m in PODS
        if m["metadata"]["name"].startswith("levada-worker")
    ]
    assert len(tables) == 2
    assert all(tables)
    assert tables[0].isdisjoint(tables[1])

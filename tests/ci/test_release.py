"""The last release is found by its numbers, and no method is removed that it did not call deprecated."""

from __future__ import annotations

import tomllib
from importlib import util
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2 as pb

ROOT = Path(__file__).parents[2]
_SPEC = util.spec_from_file_location("release", ROOT / "proto" / "release.py")
assert _SPEC is not None and _SPEC.loader is not None
release = util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(release)


def api(**methods: bool) -> pb.FileDescriptorSet:
    """An API of one service, with its methods and whether each is deprecated."""
    listed = [
        pb.MethodDescriptorProto(name=name, options=pb.MethodOptions(deprecated=deprecated))
        for name, deprecated in methods.items()
    ]
    service = pb.ServiceDescriptorProto(name="QueryService", method=listed)
    return pb.FileDescriptorSet(file=[pb.FileDescriptorProto(service=[service])])


def test_the_newest_release_is_the_last(tmp_path: Path) -> None:
    for name in ("0.9.0.binpb", "0.10.0.binpb", "0.2.11.binpb", "draft.binpb"):
        (tmp_path / name).touch()
    assert release.last(tmp_path).name == "0.10.0.binpb"


def test_without_a_release_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="make release-descriptors"):
        release.last(tmp_path)


def test_a_method_may_go_only_after_a_release_that_deprecates_it() -> None:
    before = api(FetchRelation=False, CountRelation=False, FetchOld=True)
    assert release.dropped_at_once(before, api(FetchRelation=False, CountRelation=True, FetchNew=False)) == []
    assert release.dropped_at_once(before, api(FetchRelation=False)) == ["QueryService/CountRelation"]


def test_what_is_kept_of_a_release_has_no_comments() -> None:
    kept = release.descriptor_set(release.last(release.RELEASES))
    assert not any(file.HasField("source_code_info") for file in kept.file)
    assert {"QueryService/FetchRelation", "ServerService/GetServerInfo"} <= release.methods(kept).keys()


def test_the_changelog_and_the_descriptors_have_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"\n## [{version}] - " in changelog
    assert (release.RELEASES / f"{version}.binpb").exists()

"""Save the API of each release, and compare with the last: `python proto/release.py keep`, `last` or `check`.

`releases/0.1.0.binpb` is the FileDescriptorSet of release 0.1.0 with its imports and without comments. In `make lint`,
buf compares the messages with the newest of them, and this script the methods.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

from google.protobuf import descriptor_pb2

ROOT = Path(__file__).resolve().parents[1]
RELEASES = ROOT / "proto" / "releases"
DESCRIPTORS = ROOT / "build" / "generated" / "levada_api.binpb"
_RELEASE = re.compile(r"(\d+)\.(\d+)\.(\d+)")


def main() -> None:
    """Write the API of this release, print the file of the last one, or compare with it."""
    match sys.argv[1:]:
        case ["keep"]:
            print(f"levada: {keep().relative_to(ROOT)} contains the API of this release; commit it")
        case ["last"]:
            print(last(RELEASES).relative_to(ROOT))
        case ["check"]:
            before, now = (descriptor_set(file) for file in (last(RELEASES), DESCRIPTORS))
            if gone := dropped_at_once(before, now):
                sys.exit(
                    f"{', '.join(gone)}: removed, but not deprecated in the last release. Keep it, with "
                    "`option deprecated = true`, until the next minor release (docs/releasing.md)."
                )
        case _:
            sys.exit("Use it as `python proto/release.py keep`, or with `last` or `check`.")


def keep() -> Path:
    """Write the present API under the version in pyproject.toml and return the file."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    descriptors = descriptor_set(DESCRIPTORS)
    for file in descriptors.file:
        file.ClearField("source_code_info")
    RELEASES.mkdir(exist_ok=True)
    target = RELEASES / f"{version}.binpb"
    target.write_bytes(descriptors.SerializeToString(deterministic=True))
    return target


def last(folder: Path) -> Path:
    """Return the file of the newest release, by its numbers.

    Raises:
        SystemExit: There is none.
    """
    releases = {tuple(map(int, found.groups())): file for file in folder.glob("*.binpb") if (found := _release(file))}
    if not releases:
        sys.exit(f"{folder} contains no release; `make release-descriptors` writes one.")
    return releases[max(releases)]


def descriptor_set(file: Path) -> descriptor_pb2.FileDescriptorSet:
    """Read a file of descriptors."""
    return descriptor_pb2.FileDescriptorSet.FromString(file.read_bytes())


def dropped_at_once(before: descriptor_pb2.FileDescriptorSet, now: descriptor_pb2.FileDescriptorSet) -> list[str]:
    """Return the methods that were removed without being deprecated before, as `Service/Method`."""
    return sorted(name for name in methods(before).keys() - methods(now) if not methods(before)[name])


def methods(descriptors: descriptor_pb2.FileDescriptorSet) -> dict[str, bool]:
    """Return whether each method is deprecated."""
    return {
        f"{service.name}/{method.name}": method.options.deprecated
        for file in descriptors.file
        for service in file.service
        for method in service.method
    }


def _release(file: Path) -> re.Match[str] | None:
    return _RELEASE.fullmatch(file.stem)


if __name__ == "__main__":
    main()

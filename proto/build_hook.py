"""Generate the package `levada_api` from the .proto files while a wheel is built.

Generated code is never committed: a wheel carries it, and an editable install finds it in build/generated.
"""

from __future__ import annotations

import shutil
from importlib import resources, util
from pathlib import Path
from typing import Any

from grpc_tools import protoc
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_PACKAGE = "levada_api"
_GENERATED = Path("build", "generated")


class LevadaApiBuildHook(BuildHookInterface[Any]):
    """Adds `levada_api` to a wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Generate the package; hatchling calls this before it collects files.

        Args:
            version: "standard", or "editable", where Python finds the folder by `dev-mode-dirs`.
            build_data: Read by hatchling afterwards.
        """
        root = Path(self.root)
        generate(root / "proto", root / _GENERATED)
        if version == "standard":
            build_data["force_include"][str(_GENERATED / _PACKAGE)] = _PACKAGE


def generate(proto_root: Path, target: Path) -> None:
    """Write `levada_api` into the folder `target`, in place of an earlier one.

    Beside it lies `levada_api.binpb`, a FileDescriptorSet with imports and comments, which `buf lint` reads.

    Raises:
        RuntimeError: There is nothing to compile, or protoc refused a file and said why on standard error.
    """
    sources = sorted(proto_root.glob(f"{_PACKAGE}/**/*.proto"))
    if not sources:
        raise RuntimeError(f"There are no .proto files in {proto_root / _PACKAGE}.")
    package = target / _PACKAGE
    shutil.rmtree(package, ignore_errors=True)
    target.mkdir(parents=True, exist_ok=True)
    arguments = [
        "protoc",
        f"--proto_path={proto_root}",
        *(f"--proto_path={path}" for path in _google_proto_paths()),
        f"--python_out={target}",
        f"--pyi_out={target}",
        f"--grpc_python_out={target}",
        f"--descriptor_set_out={package}.binpb",
        "--include_imports",
        "--include_source_info",
        *map(str, sources),
    ]
    if protoc.main(arguments) != 0:
        raise RuntimeError(f"protoc refused a file of {proto_root / _PACKAGE}; its message is above.")
    (package / "py.typed").touch()
    for folder in [package, *(path for path in package.rglob("*") if path.is_dir())]:
        name = ".".join(folder.relative_to(target).parts)
        (folder / "__init__.py").write_text(f'"""{name}, generated from proto/."""\n')


def _google_proto_paths() -> list[Path]:
    """Find the folders that hold google/protobuf/*.proto (with the compiler) and google/rpc/*.proto."""
    status = util.find_spec("google.rpc.status_pb2")
    if status is None or status.origin is None:
        raise RuntimeError("googleapis-common-protos is not installed where the wheel is built.")
    return [Path(str(resources.files("grpc_tools"))) / "_proto", Path(status.origin).parents[2]]

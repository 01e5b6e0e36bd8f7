"""Generate the package `levada_api` from the .proto files while a wheel is built.

Generated code is never committed: a wheel carries it, and an editable install finds it in build/generated.
"""

from __future__ import annotations

import shutil
from importlib import resources, util
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_tools import protoc
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_PACKAGE = "levada_api"
_GENERATED = Path("build", "generated")
_API = "levada_api.v1"
_METHOD_MODULE = "method.py"


class LevadaApiBuildHook(BuildHookInterface[Any]):
    """Adds `levada_api` to a wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Generate the package; hatchling calls this before it collects files.

        Args:
            version: "standard", or "editable", for which `dev-mode-dirs` tells Python the folder.
            build_data: Read by hatchling afterwards.
        """
        root = Path(self.root)
        generate(root / "proto", root / _GENERATED)
        if version == "standard":
            build_data["force_include"][str(_GENERATED / _PACKAGE)] = _PACKAGE


def generate(proto_root: Path, target: Path) -> None:
    """Write `levada_api` into the folder `target`, replacing an earlier one.

    Also write `levada_api.binpb` beside it, a FileDescriptorSet with imports and comments, which `buf lint` reads.

    Raises:
        RuntimeError: There are no files to compile, or protoc refused one; its message is on standard error.
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
    shutil.copy(proto_root / _METHOD_MODULE, package / _METHOD_MODULE)
    (package / "methods.py").write_text(method_table(package.with_suffix(".binpb").read_bytes()))


def _google_proto_paths() -> list[Path]:
    """Find the folders that hold google/protobuf/*.proto (with the compiler) and google/rpc/*.proto."""
    status = util.find_spec("google.rpc.status_pb2")
    if status is None or status.origin is None:
        raise RuntimeError("googleapis-common-protos is not installed in the environment that builds the wheel.")
    return [Path(str(resources.files("grpc_tools"))) / "_proto", Path(status.origin).parents[2]]


def method_table(descriptors: bytes) -> str:
    """Write the module `levada_api.methods`, a table of the methods in the descriptors.

    Args:
        descriptors: A serialized FileDescriptorSet with imports.
    """
    files = descriptor_pb2.FileDescriptorSet.FromString(descriptors).file
    pool = descriptor_pool.DescriptorPool()
    for file in files:
        pool.Add(file)
    options = message_factory.GetMessageClass(pool.FindMessageTypeByName("google.protobuf.MethodOptions"))
    quick, endless = (pool.FindExtensionByName(f"{_API}.{option}") for option in ("quick", "endless"))
    messages = {f".{_API}.{message.name}": message for file in files for message in file.message_type}
    carried = {
        stream: {field.type_name: field.name for field in messages[f".{_API}.{stream}Request"].field}
        for stream in ("OpenCalls", "OpenSession")
    }
    lines: list[str] = []
    for file in files:
        if file.package != _API:
            continue
        for service in file.service:
            for method in service.method:
                known = options.FromString(method.options.SerializeToString())
                level = method.options.idempotency_level
                fields = {
                    "service": f"{_API}.{service.name}",
                    "name": method.name,
                    "reads": level == descriptor_pb2.MethodOptions.NO_SIDE_EFFECTS,
                    "idempotent": level != descriptor_pb2.MethodOptions.IDEMPOTENCY_UNKNOWN,
                    "quick": known.Extensions[quick],  # type: ignore[index]  # what a pool finds has no type of its own
                    "endless": known.Extensions[endless],  # type: ignore[index]  # as above
                    "request_streaming": method.client_streaming,
                    "response_streaming": method.server_streaming,
                    "id_field": _id_field(messages, method.input_type),
                    "call_field": carried["OpenCalls"].get(method.input_type, ""),
                    "session_field": carried["OpenSession"].get(method.input_type, ""),
                }
                arguments = ", ".join(f"{name}={value!r}" for name, value in fields.items() if value)
                lines.append(f'    "{service.name}/{method.name}": Method({arguments}),')
    names = [line.partition(":")[0].strip() for line in lines]
    head = [
        '"""What each method is, by service and name, generated from proto/."""\n',
        "from typing import Literal, TypeAlias\n",
        "from levada_api.method import Method\n",
        "MethodName: TypeAlias = Literal[",
        *(f"    {name}," for name in names),
        "]",
        '"""Service and name of a method; a type checker finds one that does not exist."""\n',
        "METHODS: dict[str, Method] = {",
    ]
    return "\n".join([*head, *lines, "}"]) + "\n"


def _id_field(messages: dict[str, descriptor_pb2.DescriptorProto], request: str) -> str:
    """Return the path of a request's id: a field of the request or of its `header`; empty if it has none."""
    fields = {field.name: field for field in messages[request].field}
    if "request_id" in fields:
        return "request_id"
    header = fields.get("header")
    if header is not None and any(field.name == "request_id" for field in messages[header.type_name].field):
        return "header.request_id"
    return ""

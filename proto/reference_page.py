"""A hook of the documentation's build: it writes the page of the gRPC API from the descriptors and their comments."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)
from mkdocs.structure.files import File, Files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mkdocs.config.defaults import MkDocsConfig

PAGE = "reference/grpc.md"
DESCRIPTORS = Path(__file__).parents[1] / "build" / "generated" / "levada_api.binpb"
_PACKAGE = "levada_api.v1"
_FILE_MESSAGES, _FILE_ENUMS, _FILE_SERVICES, _FIELDS, _NESTED, _VALUES, _METHODS = 4, 5, 6, 2, 3, 2, 2
"""Field numbers in descriptors; the paths of comments consist of them."""
_INTRODUCTION = """# The gRPC API

All clients speak to the server by these services, and so can your own. The messages are in `proto/levada_api/v1`. A
token goes with each call as the metadata `authorization: Bearer …`. [Who may call what](who-may.md) lists the rights,
and [errors](errors.md) the reasons of a refusal.
"""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the page to the files of the folder."""
    files.append(File.generated(config, PAGE, content=page()))
    return files


def page() -> str:
    """Write the page."""
    described = FileDescriptorSet.FromString(DESCRIPTORS.read_bytes())
    own = [file for file in described.file if file.package == _PACKAGE]
    lines = [_INTRODUCTION]
    for file in sorted(own, key=lambda file: (not file.service, file.name)):
        lines += _file(file)
    return "\n".join(lines)


def _file(file: FileDescriptorProto) -> Iterator[str]:
    comments = {tuple(place.path): _line(place.leading_comments) for place in file.source_code_info.location}
    yield f"\n## {file.name.rpartition('/')[2].removesuffix('.proto')}\n"
    for number, service in enumerate(file.service):
        place = (_FILE_SERVICES, number)
        yield f"### {service.name}\n\n{comments.get(place, '')}\n"
        yield "| method | request | response | |\n| --- | --- | --- | --- |"
        for index, method in enumerate(service.method):
            asked = _link(method.input_type, stream=method.client_streaming)
            answered = _link(method.output_type, stream=method.server_streaming)
            yield f"| `{method.name}` | {asked} | {answered} | {_cell(comments.get((*place, _METHODS, index), ''))} |"
        yield ""
    for number, message in enumerate(file.message_type):
        yield from _message(message, "", (_FILE_MESSAGES, number), comments)
    for number, enum in enumerate(file.enum_type):
        yield from _enum(enum, "", (_FILE_ENUMS, number), comments)


def _message(
    message: DescriptorProto, prefix: str, place: tuple[int, ...], comments: dict[tuple[int, ...], str]
) -> Iterator[str]:
    name = f"{prefix}{message.name}"
    yield f"### {name}\n\n{comments.get(place, '')}\n"
    if message.field:
        yield "| field | type | |\n| --- | --- | --- |"
    for number, field in enumerate(message.field):
        choice = message.oneof_decl[field.oneof_index].name if field.HasField("oneof_index") else ""
        said = _cell(comments.get((*place, _FIELDS, number), ""))
        one_of = f"One of `{choice}`. " if choice and not field.proto3_optional else ""
        yield f"| `{field.name}` | {_type(field)} | {one_of}{said} |"
    yield ""
    for number, nested in enumerate(message.nested_type):
        if not nested.options.map_entry:
            yield from _message(nested, f"{name}.", (*place, _NESTED, number), comments)


def _enum(
    enum: EnumDescriptorProto, prefix: str, place: tuple[int, ...], comments: dict[tuple[int, ...], str]
) -> Iterator[str]:
    yield f"### {prefix}{enum.name}\n\n{comments.get(place, '')}\n"
    yield "| value | |\n| --- | --- |"
    for number, value in enumerate(enum.value):
        yield f"| `{value.name}` | {_cell(comments.get((*place, _VALUES, number), ''))} |"
    yield ""


def _type(field: FieldDescriptorProto) -> str:
    if field.type_name:
        name = _link(field.type_name)
    else:
        name = f"`{FieldDescriptorProto.Type.Name(field.type).removeprefix('TYPE_').lower()}`"
    if field.label == FieldDescriptorProto.LABEL_REPEATED:
        return f"{name}, repeated"
    return f"{name}, optional" if field.proto3_optional else name


def _link(type_name: str, *, stream: bool = False) -> str:
    name = type_name.removeprefix(f".{_PACKAGE}.")
    shown = f"`{name.removeprefix('.')}`" if name.startswith(".") else f"[{name}](#{name.lower().replace('.', '')})"
    return f"stream of {shown}" if stream else shown


def _line(comment: str) -> str:
    return " ".join(comment.split())


def _cell(text: str) -> str:
    return text.replace("|", "\\|")

"""Write `+levada/+internal/+api/*.m`, a function per RPC and a table of them: `python generate_stubs.py`.

Help texts come from the comments of proto/, and the table comes from `levada_api.methods`. The files are committed, so
that the toolbox can be read and shipped without Python; a test compares them with proto/.
"""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from google.protobuf import descriptor_pb2

from levada_api.methods import METHODS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT = Path(__file__).resolve().parents[2]
DESCRIPTORS = ROOT / "build" / "generated" / "levada_api.binpb"
API = ROOT / "clients" / "matlab" / "toolbox" / "+levada" / "+internal" / "+api"

_PACKAGE = "levada_api.v1"
_WIDTH = 120
_FILE_MESSAGES, _FILE_SERVICES = 4, 6
_MESSAGE_FIELDS, _SERVICE_METHODS = 2, 2
"""The numbers of fields in descriptor.proto; SourceCodeInfo uses them to name the place of a comment."""

_Field = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    _Field.TYPE_DOUBLE: "double",
    _Field.TYPE_INT64: "int64",
    _Field.TYPE_INT32: "double",
    _Field.TYPE_BOOL: "logical",
    _Field.TYPE_STRING: "char",
    _Field.TYPE_BYTES: "uint8",
}
_CALLS = {
    # By whether the requests and the responses are streams: the connection's method, and its arguments but the first.
    (False, False): ("request", "request, varargin{:}"),
    (False, True): ("receive", "request"),
    (True, False): ("send", "requests"),
    (True, True): ("open", ""),
}


_TABLE = """function found = method(name)
%METHOD Describe a method of the protocol.
%   FOUND = METHOD('QueryService/CountRelation') returns a struct with these fields.
%
%       reads          logical: It changes nothing.
%       idempotent     logical: It reads, or repeating it changes nothing more.
%       idField        char: The field of its request, or of its first, that carries the id under which it has one
%                      effect: 'request_id', 'header.request_id', or ''.
%       sessionField   char: The field of OpenSessionRequest and OpenSessionResponse that carries it, or ''.
%       takesLease     logical: Its request has a field `lease_token`.
%       takesReceipt   logical: Its request has a field `read_receipt`.
%
%   Errors: levada:InvalidRequest (the protocol has no such method).
%
%   Written by generate_stubs.py from proto/.

persistent methods
if isempty(methods)
    methods = allMethods();
end
try
    found = methods.(strrep(name, '/', '_'));
catch
    levada.internal.errors.fail('InvalidRequest', '`%s` is not a method of the protocol.', name);
end
end

function methods = allMethods()
methods = struct();
"""
_TABLE_END = """end

function found = described(reads, idempotent, idField, sessionField, takesLease, takesReceipt)
found = struct('reads', reads, 'idempotent', idempotent, 'idField', idField, 'sessionField', sessionField, ...
    'takesLease', takesLease, 'takesReceipt', takesReceipt);
end
"""


def main() -> None:
    """Write all stubs and the table, and remove stubs of methods that are gone."""
    API.mkdir(exist_ok=True)
    wanted = stubs(DESCRIPTORS.read_bytes())
    for stale in set(API.glob("*.m")) - {API / name for name in wanted}:
        stale.unlink()
    for name, text in wanted.items():
        (API / name).write_text(text)


def stubs(descriptors: bytes) -> dict[str, str]:
    """Return the text of each stub and of the table, by the name of its file.

    Args:
        descriptors: A serialized FileDescriptorSet with comments.
    """
    files = descriptor_pb2.FileDescriptorSet.FromString(descriptors).file
    fields = {name: lines for file in files if file.package == _PACKAGE for name, lines in _messages(file)}
    found: dict[str, str] = {}
    for file in files:
        if file.package == _PACKAGE:
            for service_index, service in enumerate(file.service):
                for index, method in enumerate(service.method):
                    comment = _comment(file, _FILE_SERVICES, service_index, _SERVICE_METHODS, index)
                    name = method.name[:1].lower() + method.name[1:]
                    assert f"{name}.m" not in found, f"two methods are called {method.name}"
                    found[f"{name}.m"] = _stub(name, service.name, method, comment, fields)
    assert "method.m" not in found, "a method is called Method, as the table is"
    found["method.m"] = _method_table(files)
    return found


def _method_table(files: Iterable[descriptor_pb2.FileDescriptorProto]) -> str:
    """Return the text of the function that describes each method."""
    messages = {f"{file.package}.{message.name}": message for file in files for message in file.message_type}
    inputs = {
        f"{file.package}.{service.name}/{method.name}": {field.name for field in messages[method.input_type[1:]].field}
        for file in files
        for service in file.service
        for method in service.method
    }
    lines = []
    for name, method in METHODS.items():
        fields = inputs[method.path[1:]]
        flags = (method.reads, method.idempotent, "lease_token" in fields, "read_receipt" in fields)
        reads, idempotent, lease, receipt = (str(flag).lower() for flag in flags)
        arguments = f"{reads}, {idempotent}, '{method.id_field}', '{method.session_field}', {lease}, {receipt}"
        lines.append(f"methods.{name.replace('/', '_')} = described({arguments});\n")
    return _TABLE + "".join(lines) + _TABLE_END


def _messages(file: descriptor_pb2.FileDescriptorProto) -> Iterator[tuple[str, list[str]]]:
    """Yield the fields of each message of a file, as lines of help."""
    for message_index, message in enumerate(file.message_type):
        lines: list[str] = []
        for index, field in enumerate(message.field):
            comment = _comment(file, _FILE_MESSAGES, message_index, _MESSAGE_FIELDS, index)
            if field.HasField("oneof_index") and not field.proto3_optional:
                comment = f"(one of `{message.oneof_decl[field.oneof_index].name}`) {comment}"
            head = f"{field.name}  {_type(field)}"
            lines += textwrap.wrap(f"{head}: {comment}", _WIDTH - 9, subsequent_indent="    ", break_on_hyphens=False)
        yield f".{_PACKAGE}.{message.name}", lines


def _type(field: descriptor_pb2.FieldDescriptorProto) -> str:
    name = _SCALARS.get(field.type) or field.type_name.rpartition(".")[2]
    name = "any value" if name == "Value" else name
    if field.label != _Field.LABEL_REPEATED:
        return name
    return f"row of {name}" if name in {"double", "int64", "logical"} else f"cell of {name}"


def _comment(file: descriptor_pb2.FileDescriptorProto, *path: int) -> str:
    for location in file.source_code_info.location:
        if tuple(location.path) == path:
            return " ".join(str(location.leading_comments).split())
    return ""


def _stub(
    name: str,
    service: str,
    method: descriptor_pb2.MethodDescriptorProto,
    comment: str,
    fields: dict[str, list[str]],
) -> str:
    caller, passed = _CALLS[method.client_streaming, method.server_streaming]
    arguments = ", ".join(["connection", *filter(None, [passed.replace("varargin{:}", "varargin")])])
    given = ", ".join([f"'{service}/{method.name}'", *filter(None, [passed])])
    shown = arguments.upper().replace("VARARGIN", "SECONDS")
    if method.client_streaming and method.server_streaming:
        result = "session"
        usage = f"SESSION = {name.upper()}({shown}) opens the stream of {service}.{method.name}."
        usage += " ASKSESSION speaks through it."
    else:
        result = "responses" if method.server_streaming else "response"
        usage = f"{result.upper()} = {name.upper()}({shown}) calls {service}.{method.name}."
        usage += " SECONDS is a deadline, and may be left out." if "SECONDS" in shown else ""
        many = [what.upper() for what in (passed.partition(",")[0], result) if what.endswith("s")]
        usage += "".join(f" {what} is a cell." for what in many)
    body = f"{result} = connection.{caller}({given});\n"
    first, _, rest = comment.partition(". ")
    summary = textwrap.wrap(f"{name.upper()} {first.rstrip('.')}.", _WIDTH - 1, subsequent_indent="   ")
    lines = [f"function {result} = {name}({arguments})", *(f"%{line}" for line in summary)]
    lines += _help(rest, "")
    lines += _help(usage, "")
    for title, message in (("Request", method.input_type), ("Response", method.output_type)):
        lines += ["%", f"%   {title}: {message.rpartition('.')[2]}"]
        lines += [f"%       {line}" for line in fields[message]] or ["%       (no fields)"]
    lines += ["%", "%   Written by generate_stubs.py from proto/.", ""]
    return "\n".join(lines) + "\n" + body + "end\n"


def _help(text: str, indent: str) -> list[str]:
    return ["%   " + line for line in textwrap.wrap(text, _WIDTH - 5, subsequent_indent=indent, break_on_hyphens=False)]


if __name__ == "__main__":
    main()

"""Declaring classes: resolving the names after `->`, and building the requests to the server."""

from __future__ import annotations

import re
import sys
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from levada._base import rules
from levada._base.errors import InvalidDefinition, NotFound, PermissionDenied, warn
from levada._base.text import text_of
from levada._jobs.computing import declare as send_declaration
from levada._jobs.computing import evaluated_key_source, has_make, own_key_source, own_names
from levada._jobs.job_calls import duration
from levada._pipeline.auto_populated import AutoPopulated
from levada._pipeline.tiers import Lookup, Part, tier_of
from levada._query.relation import Relation
from levada._query.restriction import as_operand
from levada._tables.table import Table
from levada._values.codecs import codecs_of
from levada._values.rows import read_keys
from levada._values.tabular import is_tabular
from levada_api.v1 import schema_pb2, schema_service_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from levada._tables.table import Home

    Namespaces = Sequence[Mapping[str, Any]]  # Any: anything in a module

_CLASS_NAME = re.compile(r"[A-Z][A-Za-z0-9]*")
_REFERENCE = re.compile(r"(?:\([^)]*\)\s*)?->\s*(?:\[[^\]]*\]\s*)?(\w+(?:\.\w+)*)(\s*\()?")
_REFERENCE_LINE = re.compile(rf"^{_REFERENCE.pattern}", re.MULTILINE)


def declare(schema: Home, table: type[Table], namespaces: Namespaces) -> None:
    """Declare a class and the parts inside it, and insert their contents.

    Args:
        namespaces: Looked up in this order for the names after `->`.

    Raises:
        InvalidDefinition: The server refused a definition, or a name does not refer to a declared table.
    """
    _check_name(table)
    own: dict[str, object] = {table.__name__: table, "self": table}
    _declare_one(schema, table, table.__name__, [own, *namespaces])
    _declare_parts(schema, table, table.__name__, [own, *namespaces])


def _declare_parts(schema: Home, master: type[Table], class_name: str, namespaces: Namespaces) -> None:
    """Declare the parts inside a class, and the parts inside these."""
    siblings = dict(parts_of(master))
    for name, part in siblings.items():
        _check_name(part)
        part.master = master
        # Parts come last: a name in a part means the same as in its module, even if the part itself has that name.
        _declare_one(schema, part, f"{class_name}.{name}", [{"master": master, "self": part}, *namespaces, siblings])
        _declare_parts(schema, part, f"{class_name}.{name}", namespaces)


def parts_of(table: type[Table]) -> Iterator[tuple[str, type[Part]]]:
    """Return the parts inside a class, those of its bases first."""
    found: dict[str, type[Part]] = {}
    for base in reversed(table.__mro__):
        for name, value in vars(base).items():
            if isinstance(value, type) and issubclass(value, Part) and name != "master":
                found[name] = value
    yield from found.items()


def bind(schema: Home, table: type[Table], class_name: str) -> None:
    """Link a class to its table."""
    table._schema = schema
    table._class_name = class_name


def own_namespaces(cls: type[Table]) -> Namespaces:
    """Return the namespaces of a class: its master and the parts beside it, then its module."""
    master = getattr(cls, "master", None)
    siblings = {"master": master, **dict(parts_of(master))} if isinstance(master, type) else {}
    module = sys.modules.get(cls.__module__)
    return [siblings, vars(module) if module is not None else {}]


def _declare_one(schema: Home, table: type[Table], class_name: str, namespaces: Namespaces) -> None:
    bind(schema, table, class_name)
    if schema.create_tables:
        declare_bound(schema, table, namespaces)


def declare_bound(schema: Home, table: type[Table], namespaces: Namespaces) -> None:
    """Declare a class that is linked to its table, and insert its contents; its parts are left alone.

    Raises:
        InvalidDefinition: As in `declare`.
    """
    class_name = table._class_name
    definition = _definition_for(table, class_name)
    request = schema_service_pb2.DeclareTableRequest(
        name=schema_pb2.TableName(schema=schema.database, table=class_name),
        tier=tier_of(table),
        definition=definition,
        has_make=issubclass(table, AutoPopulated) and has_make(table),
        request_id=uuid4().hex,
        lone_part=rules.are_of_datajoint(),
        mysql_time=rules.are_of_datajoint(),
    )
    request.codecs.update(codecs_of(definition, namespaces))
    for written in references(definition):
        if (found := resolve(written, namespaces)) is not None:
            request.references[written].CopyFrom(found)
    if issubclass(table, AutoPopulated):
        request.retry_policy.CopyFrom(_retry_policy(table))
        _add_key_source(request, table)
    response = send_declaration(schema.connection, request)
    if response.differences:
        warn(
            f"`{schema.database}.{class_name}` exists with another definition; nothing was changed. Differences:\n"
            + "\n".join(f"  {line}" for line in response.differences)
        )
    elif issubclass(table, Lookup):
        _insert_contents(table())
    if issubclass(table, AutoPopulated):
        _check_key_source(table, request, response.key_source_error)
    if definition not in (table.__doc__ or ""):  # for help() and for the ? of notebooks
        table.__doc__ = f"{table.__doc__ or ''}\nTable definition:\n\n{definition}"


def definition_of(table: Table) -> str:
    """Return the definition of a table's class, read from an instance: it may be a property, or set by `__init__`.

    Raises:
        InvalidDefinition: It is not text.
    """
    definition: object = table.definition
    if not isinstance(definition, str):
        raise InvalidDefinition(f"The definition of `{type(table).__name__}` must be text, not {definition!r}.")
    return definition


def _definition_for(table: type[Table], class_name: str) -> str:
    """Return the definition of a class; without one of its own, that of the existing table.

    Raises:
        InvalidDefinition: There is neither.
    """
    instance = table()
    definition = definition_of(instance)
    if definition.strip():
        return definition
    try:
        return instance.describe()
    except NotFound:
        raise InvalidDefinition(
            f"`{class_name}` has no definition, and no such table exists: give the class a text `definition`."
        ) from None


def _retry_policy(table: type[AutoPopulated]) -> schema_pb2.RetryPolicy:
    attempts: object = table.max_attempts
    delay: object = table.retry_delay
    if not (attempts is None or isinstance(attempts, int)) or not isinstance(delay, timedelta):
        raise InvalidDefinition(
            f"`{table.__name__}`: max_attempts must be a whole number or None, and retry_delay a datetime.timedelta."
        )
    return schema_pb2.RetryPolicy(max_attempts=attempts, retry_delay=duration(delay))


def _add_key_source(request: schema_service_pb2.DeclareTableRequest, table: type[AutoPopulated]) -> None:
    """Add the key source that a class defines; one that cannot be evaluated now remains empty."""
    if "key_source" in own_names(table):
        request.key_source.SetInParent()
        with suppress(Exception):  # the user's code may raise anything, and `_check_key_source` asks it again
            request.key_source.CopyFrom(evaluated_key_source(table())._message())


def _check_key_source(table: type[AutoPopulated], request: schema_service_pb2.DeclareTableRequest, fault: str) -> None:
    """Warn of a key source at fault, and keep the declaration, which is repeated when the source is used.

    Args:
        fault: The fault that the server found.
    """
    evaluated = bool(request.key_source.nodes) or not request.HasField("key_source")
    table._faulty_declaration = request if fault or not evaluated else None
    if not evaluated:
        try:
            own_key_source(table())  # the table itself, which the source may name, exists only now
        except Exception as error:  # noqa: BLE001  # the user's code may raise anything
            fault = f"{type(error).__name__}: {text_of(error)}"
    if fault:
        warn(f"`{table.__name__}` is declared, but its key source is at fault; populate evaluates it again. {fault}")


def references(definition: str) -> list[str]:
    """Return the names after each `->` of a definition as they are written, each once."""
    joined = re.sub(r"\\\s*\n", " ", definition)
    names: dict[str, None] = {}
    for line in joined.splitlines():
        match = _REFERENCE.match(line.strip())
        if match is not None:
            names[_written_name(match)] = None
    return list(names)


def with_references(definition: str, spell: Callable[[str], str]) -> str:
    """Rewrite the names after each `->` of a definition that joins no lines."""

    def rewritten(match: re.Match[str]) -> str:
        written = _written_name(match)
        start = match.start(1) - match.start()
        return match[0][:start] + spell(written) + match[0][start + len(written) :]

    return _REFERENCE_LINE.sub(rewritten, definition)


def _written_name(match: re.Match[str]) -> str:
    name: str = match[1]
    return name.removesuffix(".proj") if match[2] is not None else name


def resolve(written: str, namespaces: Namespaces) -> schema_pb2.TableName | None:
    """Find the table that a name refers to in the user's code; None leaves it to the server.

    Raises:
        InvalidDefinition: It refers to a class that is not declared.
    """
    first, *rest = written.split(".")
    for namespace in namespaces:
        value = namespace.get(first)
        for name in rest:
            value = getattr(value, name, None)
        if isinstance(value, type) and issubclass(value, Table):
            if value._schema is None or not value._schema.database:
                raise InvalidDefinition(
                    f"`-> {written}`: that class does not belong to a schema yet; declare it first."
                )
            return schema_pb2.TableName(schema=value._schema.database, table=value._class_name)
        if isinstance(value, Table):
            return value._name
    return None


def _check_name(table: type[Table]) -> None:
    if _CLASS_NAME.fullmatch(table.__name__) is None:
        raise InvalidDefinition(f"`{table.__name__}` is not a valid name of a table's class: write it in CamelCase.")


def _lacks_any(table: Lookup, rows: object) -> bool:
    """Return whether the keys of some rows are not in the table; without whole keys, whether there are more rows."""
    if isinstance(rows, Relation):
        return True
    row_count = len(rows)  # type: ignore[arg-type]  # a list or a table of values
    keys = read_keys(rows, table.heading, type(table).__name__) if row_count else None
    if keys is None or not keys.num_columns:
        return row_count > len(table)
    return len(table & keys) < len(set(zip(*(column.to_pylist() for column in keys.columns), strict=True)))


def _insert_contents(table: Lookup) -> None:
    contents: Any = as_operand(table.contents)  # Any: rows of any form
    rows = contents if isinstance(contents, Relation) or is_tabular(contents) else list(contents)
    # Looking first lets a user without the right to insert import the module.
    if _lacks_any(table, rows):
        try:
            table.insert(rows, skip_duplicates=True)
        except PermissionDenied as error:
            warn(f"The contents of `{type(table).__name__}` were not inserted: {error}")

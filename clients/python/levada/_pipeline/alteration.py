"""Altering tables and renaming schemas: the plan, the confirmation, the execution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from levada._base import rules
from levada._base.errors import InvalidRequest
from levada._base.names import full_name
from levada._base.prompt import confirm
from levada._pipeline.declaration import bind, definition_of, own_namespaces, parts_of, references, resolve
from levada._pipeline.tiers import tier_of
from levada._values.codecs import codecs_of
from levada_api.v1 import schema_service_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from levada._tables.table import Table

    Namespaces = Sequence[Mapping[str, Any]]  # Any: anything in a module


def alter(table: Table, namespaces: Namespaces, renames: Mapping[str, str], new_name: str, prompt: bool | None) -> bool:
    """Alter a table to the definition of its class, after asking.

    Args:
        namespaces: Looked up in this order for the names after `->`.
        renames: The old name of an attribute by its new one.
        new_name: The new name of the class; empty: unchanged.
        prompt: Whether to ask first; None: according to the setting `safemode`.

    Returns:
        Whether anything was altered.
    """
    cls = type(table)
    definition = definition_of(table)
    if not definition.strip():
        raise InvalidRequest(
            f"{table.full_table_name} has no definition here; alter it through a class that has one, under @schema."
        )
    wanted = pb.PlanAlterationRequest(
        name=table._name,
        definition=definition,
        renames=renames,
        new_name=_with_master(table._name.table, new_name),
        tier=tier_of(cls),
        mysql_time=rules.are_of_datajoint(),
    )
    places = [*namespaces, *own_namespaces(cls)]
    wanted.codecs.update(codecs_of(definition, places))
    for written in references(definition):
        if (found := resolve(written, places)) is not None:
            wanted.references[written].CopyFrom(found)
    plan = table.connection.call("SchemaService/PlanAlteration", wanted, pb.PlanAlterationResponse)
    lines = [f"About to alter {full_name(table._name)}:", *(f"  {line}" for line in plan.changes)]
    if not plan.changes or not confirm(lines, "Proceed?", prompt):
        return False
    request = pb.AlterTableRequest(
        name=wanted.name,
        definition=wanted.definition,
        references=wanted.references,
        renames=wanted.renames,
        new_name=wanted.new_name,
        tier=wanted.tier,
        codecs=wanted.codecs,
        mysql_time=wanted.mysql_time,
        digest=plan.digest,
        request_id=uuid4().hex,
    )
    answer = table.connection.call("SchemaService/AlterTable", request, pb.AlterTableResponse)
    _bind_again(cls, answer.table.name.table)
    return True


def _with_master(class_name: str, new_name: str) -> str:
    """Return the new name of a table, preceded by its master's if it is a part."""
    master, dot, _ = class_name.rpartition(".")
    return f"{master}{dot}{new_name}" if new_name else ""


def _bind_again(cls: type[Table], class_name: str) -> None:
    schema = cls._schema
    if schema is not None:
        bind(schema, cls, class_name)
        for name, part in parts_of(cls):
            bind(schema, part, f"{class_name}.{name}")

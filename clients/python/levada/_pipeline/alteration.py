"""Altering tables and renaming schemas: the plan, the confirmation, the execution."""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass(frozen=True)
class Alteration:
    """The changes that a table needs to have the definition of its class.

    Args:
        table: An instance of the class.
        wanted: The request that planned them.
        changes: A line for each; empty if there are none.
        digest: Identifies exactly these changes.
    """

    table: Table
    wanted: pb.PlanAlterationRequest
    changes: Sequence[str]
    digest: str

    def lines(self) -> list[str]:
        """Describe the changes for a person."""
        return [f"About to alter {full_name(self.table._name)}:", *(f"  {line}" for line in self.changes)]

    def run(self) -> None:
        """Make exactly these changes.

        Raises:
            PlanChanged: The table has changed since.
        """
        wanted = self.wanted
        request = pb.AlterTableRequest(
            name=wanted.name,
            definition=wanted.definition,
            references=wanted.references,
            renames=wanted.renames,
            new_name=wanted.new_name,
            tier=wanted.tier,
            codecs=wanted.codecs,
            mysql_time=wanted.mysql_time,
            digest=self.digest,
            request_id=uuid4().hex,
        )
        answer = self.table.connection.call("SchemaService/AlterTable", request, pb.AlterTableResponse)
        _bind_again(type(self.table), answer.table.name.table)


def plan_alteration(table: Table, namespaces: Namespaces, renames: Mapping[str, str], new_name: str) -> Alteration:
    """Compare a table with the definition of its class.

    Args:
        namespaces: Looked up in this order for the names after `->`.
        renames: The old name of an attribute by its new one.
        new_name: The new name of the class; empty: unchanged.
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
    return Alteration(table, wanted, tuple(plan.changes), plan.digest)


def alter(table: Table, namespaces: Namespaces, renames: Mapping[str, str], new_name: str, prompt: bool | None) -> bool:
    """Alter a table to the definition of its class, after asking.

    Args:
        namespaces: As for `plan_alteration`.
        renames: As for `plan_alteration`.
        new_name: As for `plan_alteration`.
        prompt: Whether to ask first; None: according to the setting `safemode`.

    Returns:
        Whether anything was altered.
    """
    planned = plan_alteration(table, namespaces, renames, new_name)
    if not planned.changes or not confirm(planned.lines(), "Proceed?", prompt):
        return False
    planned.run()
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

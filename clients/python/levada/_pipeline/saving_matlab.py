"""Saving the tables of a schema as MATLAB classes: a package with a file for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada._pipeline.declaration import with_references
from levada._pipeline.tiers import TIERS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from levada_api.v1 import schema_pb2

_SCHEMA_FILE = """\
function schema = getSchema()
%GETSCHEMA Return the schema of the classes in +{schema}.

persistent made
if isempty(made)
    made = levada.Schema('{schema}', '{schema}');
end
schema = made;
end
"""

_MAKE = """\
    methods
        function make(self, key)
            % Compute the entity of this key, and insert it.
            error('levada:InvalidRequest', '{name} has no make yet.')
        end
    end
"""


def files_of(schema: str, tables: Sequence[schema_pb2.Table]) -> Mapping[str, str]:
    """Write a package whose classes declare some tables of one schema; return the text of each file by its name.

    The class of a part is beside its master's, and its name begins with the master's: `SessionTrial` is
    `Session.Trial`.
    """
    files = {"getSchema.m": _SCHEMA_FILE.format(schema=schema)}
    for table in tables:
        files[f"{_class_name(table.name.table)}.m"] = _class_source(table)
    return {f"+{schema}/{name}": text for name, text in files.items()}


def _class_name(table: str) -> str:
    return table.replace(".", "")


def _class_source(table: schema_pb2.Table) -> str:
    bases = {tier: base.__name__ for base, tier in TIERS.items()}
    name, base = _class_name(table.name.table), bases[table.tier]
    master = table.name.table.rpartition(".")[0]
    body = ""
    if master:
        written = f"{table.name.schema}.{_class_name(master)}"
        body = f"    properties (SetAccess = protected)\n        master = {written}\n    end\n"
    elif base in ("Imported", "Computed"):
        body = _MAKE.format(name=name)
    return f"%{{\n{_definition(table)}\n%}}\n\nclassdef {name} < levada.{base}\n{body}end\n"


def _definition(table: schema_pb2.Table) -> str:
    """Return the definition with each reference as the class of a package."""

    def in_package(written: str) -> str:
        schema, _, name = written.partition(".")
        if written == "master":
            schema, name = table.name.schema, table.name.table.rpartition(".")[0]
        return f"{schema}.{_class_name(name)}"

    return with_references(table.definition.strip(), in_package)

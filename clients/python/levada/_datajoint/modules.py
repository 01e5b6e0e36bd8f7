"""The modules of DataJoint: their names, and what each name is here."""

from __future__ import annotations

import importlib
from functools import cache
from types import ModuleType
from typing import Any

import levada
from levada import blob, errors, utils
from levada._base import config as _config
from levada._datajoint import connecting, functions
from levada._datajoint.absent import ABSENT, NEEDLESS, TOP_LEVEL, absent
from levada._jobs.job_table import Jobs
from levada._pipeline import schema as _schema
from levada._pipeline import tiers as _tiers
from levada._pipeline.auto_populated import AutoPopulated
from levada._pipeline.schema_jobs import SchemaJobs
from levada._query import fetching as _fetching
from levada._query import relation as _relation
from levada._query import restriction as _restriction
from levada._tables import staged_insert as _staged_insert
from levada._tables import table as _table

NAME = "datajoint"
_VERSION = "0.14.0"
"""For packages that check the version: the one whose names and defaults these are."""

# Any here and below: classes, functions and values.
_Members = dict[str, Any]


def _names(source: object, names: str) -> _Members:
    return {name: getattr(source, name) for name in names.split()}


_SCHEMAS = _names(_schema, "Schema VirtualModule create_virtual_module list_schemas virtual_schema")

MEMBERS: dict[str, _Members] = {
    "admin": {"conn": connecting.conn, "user_choice": utils.user_choice},
    "attribute_adapter": {"AttributeAdapter": levada.AttributeAdapter},
    "autopopulate": {"AutoPopulate": AutoPopulated},
    "blob": {**_names(blob, "pack unpack"), **_names(functions, "Blob MatCell MatStruct")},
    "codecs": {
        **_names(levada, "Codec get_codec list_codecs"),
        "is_codec_registered": functions.is_codec_registered,
    },
    "condition": {
        **_names(_restriction, "AndList Not Top"),
        **_names(functions, "assert_join_compatibility extract_column_names make_condition"),
    },
    "connection": {**_names(connecting, "Connection conn"), "EmulatedCursor": _fetching.Cursor},
    "dependencies": _names(functions, "extract_master unite_master_parts"),
    "diagram": {"Diagram": levada.Diagram},
    "errors": {
        **_names(errors, " ".join(errors.__all__)),
        **_names(functions, "BucketInaccessible PluginWarning"),
        **{place.rpartition(".")[2]: functions.switch for place in NEEDLESS},
    },
    "expression": {"QueryExpression": _relation.Relation, "U": _relation.U},
    "fetch": {"key": functions.KEY, **_names(functions, "is_key to_dicts")},
    "hash": {
        "key_hash": levada.key_hash,
        **_names(functions, "uuid_from_buffer uuid_from_file uuid_from_stream"),
    },
    "heading": _names(levada, "Attribute Heading"),
    "jobs": {"Job": Jobs, "JobTable": SchemaJobs},
    "lineage": _names(functions, "get_lineage get_table_lineages"),
    "logging": {"logger": levada.logger},
    "preview": _names(functions, "preview repr_html"),
    "schema": _SCHEMAS,
    "schemas": _SCHEMAS,
    "settings": {
        "Config": _config.Config,
        "GLOBALCONFIG": _config.GLOBAL_FILE.name,
        "LOCALCONFIG": _config.LOCAL_FILE.name,
        "config": _config.config,
        "default": dict(_config.DEFAULTS),
    },
    "staged_insert": _names(_staged_insert, "StagedInsert staged_insert1"),
    "table": {
        **_names(_table, "FreeTable Table ValidationResult"),
        "lookup_class_name": functions.lookup_class_name,
    },
    "user_tables": {
        **_names(_tiers, "Computed Imported Lookup Manual Part"),
        "Compute": _tiers.Computed,
        "Entry": _tiers.Manual,
        "Ingest": _tiers.Imported,
        "PartMeta": _table.TableMeta,
        "TableMeta": _table.TableMeta,
        "UserTable": _table.Table,
        "user_table_classes": tuple(_tiers.TIERS),
    },
    "utils": {
        **_names(utils, " ".join(utils.__all__)),
        **_names(functions, "ClassProperty get_master is_camel_case safe_copy safe_write"),
    },
    "version": {"__version__": _VERSION},
}
"""The submodules, and the names that each has before all others."""

_LAZY = {name: "levada._net.dependencies" for name in ("Dependencies", "topo_sort")}
"""Names whose module needs a package that may be missing."""

_PACKAGE = {
    **_names(levada, " ".join(levada.__all__)),
    **MEMBERS["connection"],
    **_names(functions, "MatCell MatStruct"),
    "AutoPopulate": AutoPopulated,
    "Compute": _tiers.Computed,
    "Di": levada.Diagram,
    "ERD": levada.Diagram,
    "Entry": _tiers.Manual,
    "Ingest": _tiers.Imported,
    "Job": Jobs,
    "ThreadSafetyError": errors.ThreadSafetyError,
    "__author__": "",
    "__version__": _VERSION,
    "key": functions.KEY,
}

_EVERYWHERE: _Members = {name: value for members in MEMBERS.values() for name, value in members.items()}
"""Modules import names from each other, so each has the names of all."""


class _Module(ModuleType):
    """A module of DataJoint."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # as above
        value = _EVERYWHERE.get(name) if name.startswith("__") else self._find(name)
        if value is None:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}", name=name)
        vars(self)[name] = value
        return value

    def _find(self, name: str) -> object | None:
        place = self.__name__.removeprefix(NAME).lstrip(".")
        if not place:
            return absent(TOP_LEVEL[name]) if name in TOP_LEVEL else None
        if name in _EVERYWHERE:
            found: object = _EVERYWHERE[name]
            return found
        if name in _LAZY:
            loaded: object = getattr(importlib.import_module(_LAZY[name]), name)
            return loaded
        return absent(f"{place}.{name}") or absent(next((at for at in ABSENT if at.endswith(f".{name}")), ""))


def native(name: str) -> object:
    """Return a name of DataJoint that this package itself does not export.

    Raises:
        AttributeError: DataJoint has no such name either.
    """
    try:
        found: object = getattr(build()[NAME], name)
    except AttributeError:
        raise AttributeError(f"module 'levada' has no attribute {name!r}", name=name) from None
    return found


@cache
def build() -> dict[str, ModuleType]:
    """Create the modules, by their full names; the package itself first."""
    package = _Module(NAME, levada.__doc__)
    package.__path__ = []  # a package without files: other submodules are not found
    vars(package).update(_PACKAGE)
    modules: dict[str, ModuleType] = {NAME: package}
    whole: dict[str, _Members] = {name: {} for name in ABSENT if "." not in name}
    for name, members in {**whole, **MEMBERS}.items():
        module = _Module(f"{NAME}.{name}")
        vars(module).update(members)
        modules[module.__name__] = module
        if isinstance(vars(package).get(name, module), ModuleType):  # `schema` is a class there
            vars(package)[name] = module
    return modules

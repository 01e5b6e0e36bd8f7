"""Lets this package stand in for DataJoint: after `import levada.as_datajoint`, `import datajoint` is Levada.

The names are those of DataJoint 0.14, and so are the defaults: `aggr` drops entities without a match unless
`keep_all_rows=True`. That setting, `config["aggr.keep_all_rows"]`, applies to the whole process.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import levada
from levada import blob, errors, utils
from levada._base import errors as _errors
from levada._pipeline import schema as _schema
from levada._pipeline import tiers as _tiers
from levada._pipeline.auto_populated import AutoPopulated
from levada._query import relation as _relation
from levada._query import restriction as _restriction
from levada._tables import table as _table

_NAME = "datajoint"
_VERSION = "0.14.0"
"""For packages that check the version: the one whose names and defaults these are."""

_MEMBERS: dict[str, dict[str, Any]] = {
    "attribute_adapter": {"AttributeAdapter": levada.AttributeAdapter},
    "autopopulate": {"AutoPopulate": AutoPopulated},
    "blob": {name: getattr(blob, name) for name in blob.__all__},
    "codecs": {name: getattr(levada, name) for name in ("Codec", "get_codec", "list_codecs")},
    "condition": {name: getattr(_restriction, name) for name in ("AndList", "Not", "Top")},
    "connection": {name: getattr(levada, name) for name in ("Connection", "conn")},
    "diagram": {"Diagram": levada.Diagram},
    "errors": {name: getattr(errors, name) for name in errors.__all__},
    "expression": {
        "AndList": _restriction.AndList,
        "Not": _restriction.Not,
        "QueryExpression": _relation.Relation,
        "Top": _restriction.Top,
        "U": _relation.U,
    },
    "hash": {"key_hash": levada.key_hash},
    "heading": {"Attribute": levada.Attribute, "Heading": levada.Heading},
    "logging": {"logger": levada.logger},
    "schemas": {name: getattr(_schema, name) for name in ("Schema", "VirtualModule", "list_schemas")},
    "settings": {"Config": type(levada.config), "config": levada.config},
    "table": {name: getattr(_table, name) for name in ("FreeTable", "Table")},
    "user_tables": {
        "TableMeta": _table.TableMeta,
        "UserTable": _table.Table,
        **{name: getattr(_tiers, name) for name in ("Computed", "Imported", "Lookup", "Manual", "Part")},
    },
    "utils": {name: getattr(utils, name) for name in utils.__all__},
}
"""The submodules that other packages import from, and the contents of each. Any: classes, functions and values."""


def _register() -> None:
    """Register the modules for `import`.

    Raises:
        InvalidRequest: The real package is loaded already.
    """
    if _NAME in sys.modules:
        raise _errors.InvalidRequest(
            "The package datajoint is loaded already; write `import levada.as_datajoint` before the first import of it."
        )
    package = ModuleType(_NAME, __doc__)
    package.__path__ = []  # a package without files: other submodules are not found
    members: dict[str, Any] = {name: getattr(levada, name) for name in levada.__all__}  # Any: as above
    members |= {"Di": levada.Diagram, "ERD": levada.Diagram, "__version__": _VERSION, "errors": errors}
    sys.modules[_NAME] = package
    for name, content in _MEMBERS.items():
        module = ModuleType(f"{_NAME}.{name}")
        vars(module).update(content)
        sys.modules[module.__name__] = module
        members.setdefault(name, module)
    vars(package).update(members)
    levada.config["aggr.keep_all_rows"] = False


_register()

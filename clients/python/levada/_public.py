"""The names of `import levada`, which its first use loads: they need packages that are slow to import."""

from __future__ import annotations

import logging

from levada import blob, errors, utils
from levada._base.config import config
from levada._base.errors import DataJointError, LevadaError, LevadaWarning
from levada._base.hash import key_hash
from levada._base.prompt import user_choice
from levada._base.tracebacks import install as _shorten_tracebacks
from levada._base.unchanged_files import unchanged_files
from levada._moving.slices import Slice, open_slice
from levada._net.address import conn, connect, recording
from levada._net.connection import Connection
from levada._net.login import login
from levada._net.versions import own_version
from levada._objects.handles import StoredArray, StoredFile, StoredFolder
from levada._pipeline.schema import (
    Schema,
    VirtualModule,
    create_virtual_module,
    list_schemas,
    virtual_schema,
)
from levada._pipeline.tiers import Computed, Imported, Lookup, Manual, Part
from levada._query.relation import Relation, U
from levada._query.restriction import AndList, Not, Top
from levada._tables.deletion import DeletePlan
from levada._tables.table import FreeTable, Table
from levada._tables.validation import ValidationResult
from levada._values.attached import AttachedFile
from levada._values.codecs import AttributeAdapter, Codec, get_codec, list_codecs
from levada._values.heading import Attribute, Heading
from levada._views.diagram import Diagram
from levada._views.shells import teach_shell as _teach_shell

schema = Schema
logger = logging.getLogger("levada")
__version__ = own_version()
_shorten_tracebacks()
_teach_shell()

__all__ = [
    "AndList",
    "AttachedFile",
    "Attribute",
    "AttributeAdapter",
    "Codec",
    "Computed",
    "Connection",
    "DataJointError",
    "DeletePlan",
    "Diagram",
    "FreeTable",
    "Heading",
    "Imported",
    "LevadaError",
    "LevadaWarning",
    "Lookup",
    "Manual",
    "Not",
    "Part",
    "Relation",
    "Schema",
    "Slice",
    "StoredArray",
    "StoredFile",
    "StoredFolder",
    "Table",
    "Top",
    "U",
    "ValidationResult",
    "VirtualModule",
    "__version__",
    "blob",
    "config",
    "conn",
    "connect",
    "create_virtual_module",
    "errors",
    "get_codec",
    "key_hash",
    "list_codecs",
    "list_schemas",
    "logger",
    "login",
    "open_slice",
    "recording",
    "schema",
    "unchanged_files",
    "user_choice",
    "utils",
    "virtual_schema",
]

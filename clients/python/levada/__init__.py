"""Scientific data pipelines: tables, queries and computations on a Levada server.

`import levada as lv` offers the names below. Pipelines written for DataJoint run with `import levada as dj`.
"""

from __future__ import annotations

import logging

from levada import blob, errors, utils
from levada._attached import AttachedFile
from levada._codecs import AttributeAdapter, Codec, get_codec, list_codecs
from levada._config import config
from levada._connection import Connection, conn, connect
from levada._deletion import DeletePlan
from levada._diagram import Diagram
from levada._errors import DataJointError, LevadaError, LevadaWarning
from levada._hash import key_hash
from levada._heading import Attribute, Heading
from levada._prompt import user_choice
from levada._relation import Relation, U
from levada._restriction import AndList, Not, Top
from levada._schema import (
    Schema,
    VirtualModule,
    create_virtual_module,
    list_schemas,
    virtual_schema,
)
from levada._stored import StoredArray, StoredFile, StoredFolder
from levada._table import FreeTable, Table
from levada._tiers import Computed, Imported, Lookup, Manual, Part

schema = Schema
logger = logging.getLogger("levada")

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
    "StoredArray",
    "StoredFile",
    "StoredFolder",
    "Table",
    "Top",
    "U",
    "VirtualModule",
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
    "schema",
    "user_choice",
    "utils",
    "virtual_schema",
]

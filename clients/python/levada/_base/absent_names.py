"""Members of DataJoint's classes that the classes here lack, and what to use instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_NO_SQL = "the server alone writes SQL; a query has its `restriction`, its `heading` and its results"
_NO_ALGEBRA = "the server finds the heading of every query: `query.heading`"
_STORED = "the server keeps it with each object; fetch the value, and it has its path and size"

ABSENT: dict[str, str] = {
    **dict.fromkeys(
        (
            "from_clause",
            "get_select_fields",
            "make_sql",
            "make_subquery",
            "restriction_attributes",
            "sorting_clauses",
            "sql_comment",
            "support",
            "where_clause",
        ),
        _NO_SQL,
    ),
    **dict.fromkeys(
        (
            "attribute_expression",
            "determines",
            "join",
            "lineage_available",
            "make_subquery_heading",
            "new_attributes",
            "original_heading",
            "original_name",
            "select",
            "set_primary_key",
            "table_status",
        ),
        _NO_ALGEBRA,
    ),
    **dict.fromkeys(
        ("hash_objects", "is_hash_object", "is_schema_object", "referenced_paths", "schema_objects"), _STORED
    ),
    "adapter": "there is one kind of database, and only the server speaks to it",
    "connect": "a connection connects when it is first used, and again after an interruption",
    "create": "queries are made by operators: `a.aggr(b, …)` and `a + b`",
    "database": "only tables have it; an attribute says where it originates: `heading['name'].lineage`",
    "declaration_context": "names after `->` are looked up in the module of the class, and in `Schema(context=…)`",
    "definition": "it is not a table of the schema: the server keeps it",
    "drop": "only tables and schemas can be dropped; jobs go with their table",
    **dict.fromkeys(
        ("edge_key_dict_factory", "new_edge_key"), "a diagram only draws; `conn().dependencies` is a graph of NetworkX"
    ),
    "external": "stores are the server's: `levada objects collect` deletes what no row names",
    "fs": "`store` returns a mapping, which has `fs`, for each attribute",
    "lineage_table_exists": "the catalog always knows where attributes originate: `table.heading['name'].lineage`",
    "log": "the audit has who changed what: `FreeTable('levada.Audit')`; `table.definition_history()` the definitions",
    "make": "define it in the class of the table",
    "merge": "restrict by one `Top` after the other",
    "rebuild_lineage": "the catalog always knows where attributes originate: `table.heading['name'].lineage`",
    "register": "a schema knows its connection",
    "restrict_in_place": "a query never changes; assign the result: `query = query & condition`",
    "save_template": "`config.save` writes the settings into a file",
    "suggest": "raise an error with the whole text",
    "table_name": "the jobs of each table have its `table_name`",
    "tier_regexp": "stored names have no prefix; the tier of a table is the base of its class",
    "unsupported": "the server knows every type of its catalog",
}
"""The replacement of each member, by its name."""


_ONLY_COMPUTED = (
    "only Imported and Computed tables compute their rows. Insert into this one, or declare its class as one of those, "
    "with a method `make`."
)
_OF_COMPUTING = frozenset({"jobs", "key_source", "populate", "progress"})


class Explained:
    """A class whose missing members are explained if DataJoint has them."""

    __slots__ = ()

    # Only at run time: type checkers would take every name for a member.
    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> object:
            """Raise the error of a property that failed, or else an error that explains the name."""
            if defines(type(self).__mro__, name):
                return object.__getattribute__(self, name)
            raise missing(type(self), name)


def defines(classes: Iterable[type], name: str) -> bool:
    """Return whether one of some classes defines a member."""
    return any(name in vars(one) for one in classes)


def missing(owner: type, name: str) -> AttributeError:
    """Return the error for a member that a class does not have."""
    text = f"{owner.__name__!r} has no attribute {name!r}"
    if name in _OF_COMPUTING and "insert1" in dir(owner):
        text += f": {_ONLY_COMPUTED}"
    elif name in ABSENT:
        text += f", unlike DataJoint: {ABSENT[name]}."
    return AttributeError(text, name=name)

"""Names of DataJoint's modules that are not here, and what to use instead."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from levada._base.errors import Unsupported

if TYPE_CHECKING:
    from collections.abc import Iterator

_DATABASE = "only the server speaks to its database"
_DEFINITIONS = "the server parses definitions and declares tables: `@schema` and `table.alter()` send them"
_STORES = "the stores are the server's, and a fetched value of a store is a handle with its path and size"
_MIGRATION = "nothing of DataJoint's is migrated in place: its definitions and inserts work as they are"
_SETTINGS = "`config` has all settings, by their dotted names"
_USERS = "there are no passwords; the settings `url` and `token` lead to a server"
_CODECS = "types in `<…>` are built into the server, and codecs are found by `get_codec`"
_PROVENANCE = "the server records what each `make` read; `Diagram.trace(…).prov_json()` exports it"
_JOBS = "`table.jobs` and `schema.jobs` have the jobs"
_INTERNALS = "DataJoint's own work needs it, and nothing else does"
_QUERIES = "every query is a `QueryExpression`; operators make it"
_TYPES = "an attribute describes its type: `heading['name'].type`, `.numeric`, `.string`, `.is_blob`"

ABSENT: dict[str, str] = {
    # Whole modules.
    "adapters": _DATABASE,
    "builtin_codecs": _CODECS,
    "cli": "`levada` is the command; `levada --help`",
    "declare": _DEFINITIONS,
    "deploy": _DATABASE,
    "external": _STORES,
    "gc": "`levada objects collect` deletes what no row names",
    "hash_registry": _STORES,
    "instance": "`levada.connect` and `Schema(…, connection=…)` choose a server for each schema",
    "migrate": _MIGRATION,
    "objectref": _STORES,
    "plugin": "there are no plugins; packages offer codecs by entry points",
    "provenance": _PROVENANCE,
    "s3": _STORES,
    "spark": "`table.to_arrow()` returns what Spark reads",
    "storage": _STORES,
    "storage_adapter": _STORES,
    # Names of modules that are here.
    "admin.kill": "`levada jobs cancel` ends computations; a query ends with the program that asked for it",
    "admin.kill_quick": "`levada jobs cancel` ends computations; a query ends with the program that asked for it",
    "admin.set_password": _USERS,
    "attribute_adapter.get_adapter": "`get_codec(name)` returns a codec, and an adapter as one",
    "attribute_adapter.type_plugins": "packages offer codecs by entry points",
    "blob.Blob": "a blob is read and written whole: `pack` and `unpack`",
    **dict.fromkeys(
        (
            "blob.bypass_serialization",
            "blob.compression",
            "blob.deserialize_lookup",
            "blob.len_u32",
            "blob.len_u64",
            "blob.serialize_lookup",
            "blob.use_32bit_dims",
        ),
        "a blob is read and written whole: `pack` and `unpack`, which know every version of the format",
    ),
    **dict.fromkeys(
        ("codecs.decode_attribute", "codecs.lookup_codec", "codecs.parse_type_spec", "codecs.resolve_dtype"), _CODECS
    ),
    "codecs.ABC": "Python's module `abc` has it",
    "codecs.unregister_codec": "a codec stays as long as its process; defining its class again replaces it",
    **dict.fromkeys(
        ("condition.JSON_PATTERN", "condition.PromiscuousOperand", "condition.translate_attribute"), _INTERNALS
    ),
    **dict.fromkeys(
        (
            "connection.cache_key",
            "connection.connect_host_hook",
            "connection.connection_plugins",
            "connection.get_host_hook",
            "connection.query_log_max_length",
            "connection.translate_query_error",
        ),
        _DATABASE,
    ),
    "dependencies.Dependencies.load_all_downstream": "`load()` reads every schema",
    "dependencies.Dependencies.load_all_upstream": "`load()` reads every schema",
    "diagram.diagram_active": "a diagram needs no other package",
    "diagram.plot_active": "a diagram needs no other package",
    "errors.ADAPTED_TYPE_SWITCH": "adapters are always on",
    "errors.FILEPATH_FEATURE_SWITCH": "`<filepath@…>` is always on",
    "expression.Aggregation": _QUERIES,
    "expression.CONSTANT_LITERALS": _DEFINITIONS,
    "expression.Union": _QUERIES,
    "fetch.Fetch": "`fetch` is a method of every query",
    "fetch.Fetch1": "`fetch1` is a method of every query",
    **dict.fromkeys(
        (
            "heading.CORE_TYPE_NAMES",
            "heading.EXTERNAL_TYPES",
            "heading.FILEPATH_FEATURE_SWITCH",
            "heading.NATIVE_TYPES",
            "heading.SPECIAL_TYPES",
            "heading.TYPE_PATTERN",
            "heading.UUID_DATA_TYPE",
            "heading.default_attribute_properties",
        ),
        _TYPES,
    ),
    "jobs.ERROR_MESSAGE_LENGTH": "the message of an error is cut after 262 144 characters",
    "jobs.TRUNCATION_APPENDIX": "the message of an error is cut after 262 144 characters",
    **dict.fromkeys(
        (
            "lineage.delete_table_lineages",
            "lineage.ensure_lineage_table",
            "lineage.insert_lineages",
            "lineage.lineage_table_exists",
            "lineage.rebuild_schema_lineage",
        ),
        "the catalog always knows where attributes originate",
    ),
    "lineage.get_schema_lineages": "`schema.lineage` has all of a schema",
    **dict.fromkeys(
        (
            "logging.JOBS",
            "logging.LevelAwareFormatter",
            "logging.excepthook",
            "logging.jobs",
            "logging.log_format",
            "logging.log_level",
            "logging.log_stream",
            "logging.output_stream",
            "logging.stream_handler",
        ),
        "`logger` is the logger `levada` of Python's logging; add handlers to it",
    ),
    "schemas.ExternalMapping": _STORES,
    "schemas.ordered_dir": _INTERNALS,
    **dict.fromkeys(
        (
            "settings.CONFIG_FILENAME",
            "settings.Config.convert_path",
            "settings.Config.instance",
            "settings.Config.model_config",
            "settings.Config.model_post_init",
            "settings.Config.set_logger_level",
            "settings.ConnectionSettings",
            "settings.DEFAULT_SUBFOLDING",
            "settings.DatabaseSettings",
            "settings.DisplaySettings",
            "settings.ENV_VAR_MAPPING",
            "settings.JobsSettings",
            "settings.ProvenanceSettings",
            "settings.Role",
            "settings.SECRETS_DIRNAME",
            "settings.SYSTEM_SECRETS_DIR",
            "settings.StoresSettings",
            "settings.config_files",
            "settings.find_config_file",
            "settings.find_secrets_dir",
            "settings.log_levels",
            "settings.mapping",
            "settings.prefix_to_role",
            "settings.read_secret_file",
            "settings.role_to_prefix",
            "settings.validators",
        ),
        _SETTINGS,
    ),
    "staged_insert.IO": "Python's module `typing` has it",
    "staged_insert.build_object_path": _STORES,
    "staged_insert.get_store_backend": _STORES,
    "table.Log": "`table.definition_history()` has a table's definitions, and jobs keep who computed what and when",
    "table.constraint_info_query": _DATABASE,
    "table.foreign_key_error_regexp": _DATABASE,
    "table.version": "`datajoint.__version__` has it",
    "user_tables.is_tier": "the tier of a table is the base of its class",
    "user_tables.supported_class_attrs": _INTERNALS,
    "utils.parse_sql": _DATABASE,
}
"""The replacement of each name, by its place below `datajoint`; a module stands for all its names."""

TOP_LEVEL = {
    "Instance": "instance.Instance",
    "NpyRef": "builtin_codecs.NpyRef",
    "ObjectRef": "objectref.ObjectRef",
    "SchemaCodec": "builtin_codecs.SchemaCodec",
    "SparkAdapter": "spark.SparkAdapter",
    "StorageAdapter": "storage_adapter.StorageAdapter",
    "cli": "cli.cli",
    "get_storage_adapter": "storage_adapter.get_storage_adapter",
    "kill": "admin.kill",
    "set_password": "admin.set_password",
}
"""The place of names that the package itself has too."""

NEEDLESS = {
    "errors._switch_adapted_types": "adapters are always on",
    "errors._switch_filepath_types": "`<filepath@…>` is always on",
}
"""The functions that do nothing here, and why."""


class _AbsentType(type):
    """The type of names that can be imported, though not used: modules import more than they need."""

    def __call__(cls, *_: object, **__: object) -> NoReturn:
        raise cls.error()

    def __str__(cls) -> NoReturn:
        raise cls.error()

    def __getattr__(cls, name: str) -> NoReturn:
        raise AttributeError(str(cls.error()) if not name.startswith("__") else name)

    def __iter__(cls) -> Iterator[NoReturn]:
        raise cls.error()

    def error(cls) -> Unsupported:
        """Return the error of an attempt to use it."""
        return Unsupported(f"`datajoint.{cls.__qualname__}` is not here: {cls.__doc__}.")


class _Absent:
    """The base of absent names."""

    def __init_subclass__(cls) -> None:
        for base in cls.__mro__[1:]:
            if isinstance(base, _AbsentType):
                raise base.error()


def absent(place: str) -> object | None:
    """Return a stand-in for a name that is not here, which raises an error when it is used.

    Args:
        place: The name below `datajoint`, with its module.

    Returns:
        None if nothing is known of the name.
    """
    reason = reason_for(place)
    if reason is None:
        return None
    made = _AbsentType.__new__(_AbsentType, place.rpartition(".")[2], (_Absent,), {"__doc__": reason})
    made.__qualname__ = place
    return made


def reason_for(place: str) -> str | None:
    """Return what to use instead of a name, or of the module or class that holds it; None if nothing is known."""
    parts = place.split(".")
    places = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((ABSENT[known] for known in places if known in ABSENT), None)

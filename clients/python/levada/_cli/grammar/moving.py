"""The commands for moving: `copy`, `export`, `recordings`, `import`, `import-datajoint` and `check-code`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from levada._cli.completion import schema_names, schema_or_table_names
from levada._cli.grammar import parsing

if TYPE_CHECKING:
    from levada._cli.grammar.parsing import Commands


def add_commands(commands: Commands) -> None:
    """Add them to the command line."""
    _add_copy(commands)
    _add_export(commands)
    _add_slices(commands)
    _add_import(commands)


def _add_copy(commands: Commands) -> None:
    copy = parsing.add(
        commands,
        "copy",
        "copy schemas to another server: definitions, rows, objects and past jobs",
        run="copying:copy",
        examples=(
            "copy lab --to lab.example.org:50051 --dry-run",
            "copy lab analysis --to lab.example.org:50051",
            "copy lab --to lab.example.org:50051 --as anna_lab --yes",
        ),
        json="one object: ready, schemas, new_schemas, tables (table, there, tier, exists, rows, new, same, different, "
        "only_there, examples), remarks, problems; after a copy also report (equal, tables (table, there, inserted, "
        "objects, rows_here, rows_there, digest_here, digest_there, different, missing, only_there, examples), jobs)",
    )
    parsing.complete(
        copy.add_argument("schemas", nargs="+", metavar="SCHEMA", help="the schemas, with all their tables"),
        schema_names,
    )
    copy.add_argument(
        "--to", required=True, metavar="ADDRESS", help="the other server, as host:port; `levada login` keeps its token"
    )
    copy.add_argument("--as", dest="name", metavar="NAME", help="the name there, for one schema (default: the same)")
    copy.add_argument("--dry-run", action="store_true", help="only show what comes, and what conflicts")
    parsing.yes(copy)


def _add_export(commands: Commands) -> None:
    export = parsing.add(
        commands,
        "export",
        "write schemas and tables as files that open anywhere",
        run="exporting:export",
        examples=(
            "export lab --to exported",
            "export lab analysis --to exported",
            "export lab --to lab.duckdb",
            "export lab --to lab.sql",
            "export lab.Session --where \"day > '2026-01-01'\" --to sessions",
            "export --slice paper-x --to paper-x-archive",
        ),
        json="one object: to, tables (table, rows, digest); with --slice also changed",
    )
    parsing.complete(
        export.add_argument("names", nargs="*", default=[], metavar="NAME", help="schemas, or tables as schema.Table"),
        schema_or_table_names,
    )
    export.add_argument(
        "--to",
        type=Path,
        required=True,
        metavar="PLACE",
        help="a folder for Parquet files, empty or new; or a file that ends in .duckdb, or in .sql for PostgreSQL",
    )
    export.add_argument(
        "--where",
        action="append",
        default=[],
        metavar="CONDITION",
        help="only rows of the table that meet all of these",
    )
    export.add_argument(
        "--slice",
        metavar="RECORDING",
        help="instead of names: all rows that a recording has read, with all that they depend on, as an archive",
    )
    export.add_argument(
        "--author", action="append", default=[], metavar="NAME", help="with --slice: an author, for its metadata"
    )
    export.add_argument(
        "--licence", default="", metavar="URL", help="with --slice: the address of the licence, for its metadata"
    )
    export.add_argument(
        "--writer", metavar="MODULE:FUNCTION", help="with --slice: a function that also writes it in another form"
    )


def _add_slices(commands: Commands) -> None:
    bring = parsing.add(
        commands,
        "import",
        "open the folder of an export, or the archive of a slice, as a database",
        run="slices:open_archive",
        examples=("import paper-x-archive", "import exported --url lab.example.org:50051"),
        server=parsing.OWN,
        json="one object: tables (table, rows)",
    )
    bring.add_argument("folder", type=Path, metavar="FOLDER", help="the folder that `levada export` wrote")
    actions = parsing.add_group(commands, "recordings", "list, show and delete what was recorded of your reads")
    parsing.add(
        actions,
        "list",
        "list your recordings",
        run="slices:recordings",
        examples=("recordings list",),
        json="one object per recording: name, reads, begun, last_read",
    )
    show = parsing.add(
        actions,
        "show",
        "list the reads of a recording, and whether they give other rows now",
        run="slices:show_recording",
        examples=("recordings show paper-x",),
        json="one object per read: tables, kind, first, last, count, changed",
    )
    show.add_argument("name", metavar="RECORDING", help="its name")
    delete = parsing.add(
        actions,
        "delete",
        "delete a recording, not its rows",
        run="slices:delete",
        examples=("recordings delete paper-x",),
        json="one object: deleted",
    )
    delete.add_argument("name", metavar="RECORDING", help="its name")
    parsing.yes(delete)


def _add_import(commands: Commands) -> None:
    bring = parsing.add(
        commands,
        "import-datajoint",
        "bring schemas of DataJoint here: definitions, rows, files and jobs",
        run="moving:import_datajoint",
        examples=(
            "import-datajoint mysql://anna@db.example.org --plan",
            "import-datajoint mysql://anna@db.example.org lab analysis --decisions decisions.toml",
            "import-datajoint postgresql://anna@db.example.org/pipelines --classes classes",
        ),
        server=parsing.OWN,
        json="one object: ready, schemas, tables (table, there, tier, rows, definition, next_number, hidden, changes), "
        "changes, not_brought (place, why, rows), jobs, decided (by section of the file), lone, needless, present, "
        "grants, problems, questions (id, text, answers, lines); after an import also report (equal, tables (table, "
        "there, inserted, rows_there, rows_here, digest_there, digest_here, only_there, only_here, other_values, "
        "examples, kept_as_bytes), jobs, hidden)",
    )
    bring.add_argument(
        "source",
        metavar="ADDRESS",
        help="the database: mysql://USER@HOST:PORT, mysql://USER@localhost?unix_socket=FILE or "
        "postgresql://USER@HOST/DATABASE; the password is in LEVADA_SOURCE_PASSWORD, or asked for",
    )
    bring.add_argument("schemas", nargs="*", metavar="SCHEMA", help="only these, by their names there (default: all)")
    bring.add_argument("--plan", action="store_true", help="only show what comes, what changes, and what cannot come")
    parsing.file(bring, "--decisions", help="a file of decisions, in TOML")
    bring.add_argument(
        "--code", type=Path, metavar="FOLDER", help="the code of the pipeline, for the spelling of its classes"
    )
    bring.add_argument(
        "--classes", type=Path, metavar="FOLDER", help="write the classes into it, for Python and MATLAB"
    )
    parsing.yes(bring)
    check = parsing.add(
        commands,
        "check-code",
        "find what code written for DataJoint must change; nothing is run",
        run="moving:check_code",
        examples=("check-code pipeline", "check-code pipeline/ingest.py --decisions decisions.toml"),
        server=parsing.NONE,
        json="one object per place: file, line, name, advice, must (false: it may stay, without effect), cell",
    )
    check.add_argument("path", type=Path, metavar="PATH", help="a file, or a folder with Python files and notebooks")
    parsing.file(
        check, "--decisions", help="the file of decisions of the import: names, types and stores that it chose"
    )

"""The commands for schemas, tables and rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada._cli.completion import schema_names, schema_or_table_names
from levada._cli.grammar import parsing

if TYPE_CHECKING:
    from levada._cli.grammar.parsing import Commands

_CONDITIONS = 'only rows that meet all of these, such as "subject_id = 5"'


def add_commands(commands: Commands) -> None:
    """Add them to the command line."""
    _add_catalog(commands)
    _add_query(commands)
    _add_insert(commands)
    _add_removal(commands)


def _add_catalog(commands: Commands) -> None:
    schemas = parsing.add(
        commands,
        "schemas",
        "list the schemas, or the tables of one",
        run="catalog:schemas",
        examples=("schemas", "schemas lab"),
        json="one object per schema (schema, tables, created), or per table (table, tier, comment)",
    )
    parsing.complete(
        schemas.add_argument("schema", nargs="?", metavar="SCHEMA", help="list the tables of this one"), schema_names
    )
    describe = parsing.add(
        commands,
        "describe",
        "show the definition of a table",
        run="catalog:describe",
        examples=("describe lab.Session",),
        json="one object: table, tier, comment, definition, parents, attributes (name, type, in_key, nullable, "
        "default, comment, origin)",
    )
    parsing.table(describe)
    diagram = parsing.add(
        commands,
        "diagram",
        "draw which tables depend on which, here or into a file",
        run="catalog:diagram",
        examples=("diagram lab", "diagram lab.Session --up 1 --down 2", "diagram lab -o lab.svg"),
        json="one object per table, parents first: table, tier, parents",
    )
    parsing.complete(
        diagram.add_argument("names", nargs="+", metavar="NAME", help="schemas, or tables as schema.Table"),
        schema_or_table_names,
    )
    diagram.add_argument("--up", type=parsing.count, default=0, metavar="N", help="also N steps upstream of them")
    diagram.add_argument("--down", type=parsing.count, default=0, metavar="N", help="also N steps downstream")
    parsing.file(diagram, "-o", "--output", help="write a file; its ending says how: .svg, .png, .mmd (Mermaid)")
    trace = parsing.add(
        commands,
        "trace",
        "count the rows that some rows depend on, in all tables upstream",
        run="catalog:trace",
        examples=('trace lab.Rate "subject_id = 5"', 'trace lab.Session "subject_id = 5" --downstream'),
        json="one object per table: table, rows",
    )
    parsing.table(trace)
    parsing.conditions(trace, _CONDITIONS)
    trace.add_argument("--downstream", action="store_true", help="instead the rows that depend on them")


def _add_query(commands: Commands) -> None:
    query = parsing.add(
        commands,
        "query",
        "print rows of a table, or write them into a file",
        run="query:query",
        examples=(
            "query lab.Session",
            'query lab.Session "day > \'2026-01-01\'" --attributes day,weight --order "day DESC" --limit 10',
            "query lab.Session -o sessions.parquet",
            "query lab.Session --json | head -1",
        ),
        json="one object per row: its attributes; large values as lists or base64",
    )
    parsing.table(query)
    parsing.conditions(query, _CONDITIONS)
    query.add_argument(
        "--attributes",
        type=_names,
        default=(),
        metavar="NAME[,NAME]",
        help="only these, and the primary key (default: all)",
    )
    query.add_argument(
        "--order",
        action="append",
        default=[],
        metavar="ATTRIBUTE",
        help='sort by it; with "ATTRIBUTE DESC" downwards; repeat it for more (default: a table by its key, else any)',
    )
    query.add_argument(
        "--limit", type=_limit, metavar="N", help="at most N rows, or `all` (default: a table 100, else all)"
    )
    query.add_argument(
        "--format",
        choices=("table", "csv", "parquet", "json"),
        help="the form of the output (default: by the file's ending, else table); json has one object per line",
    )
    parsing.file(query, "-o", "--output", help="write a file instead, whole or not at all: .csv, .parquet, .jsonl")


def _add_insert(commands: Commands) -> None:
    insert = parsing.add(
        commands,
        "insert",
        "insert the rows of a file into a table, all or none",
        run="insert:insert",
        examples=(
            "insert lab.Subject subjects.csv",
            "insert lab.Subject subjects.csv --dry-run",
            "query lab.Subject --json --url other:50051 | levada insert lab.Subject - --format json",
        ),
        json="one object: table, rows, inserted, errors (line, attribute, message)",
    )
    parsing.table(insert)
    parsing.file(
        insert, "file", help="CSV with a first line of names, Parquet, or JSON with one object per line; -: read it"
    )
    insert.add_argument(
        "--format", choices=("csv", "parquet", "json"), help="what the file is (default: by its ending)"
    )
    insert.add_argument(
        "--dry-run", action="store_true", help="insert nothing: let the server check every row, and list the wrong ones"
    )
    insert.add_argument("--skip-duplicates", action="store_true", help="skip rows whose key is there already")
    insert.add_argument("--replace", action="store_true", help="replace rows whose key is there already")
    insert.add_argument(
        "--ignore-extra-fields", action="store_true", help="ignore columns that the table does not have"
    )


def _add_removal(commands: Commands) -> None:
    delete = parsing.add(
        commands,
        "delete",
        "delete rows, with all that depends on them, after showing what goes",
        run="removal:delete",
        examples=('delete lab.Subject "subject_id = 5"', 'delete lab.Subject "subject_id = 5" --dry-run'),
        json="one object: table, deleted, tables (table, rows)",
    )
    parsing.table(delete)
    parsing.conditions(delete, 'the rows that meet all of these, such as "subject_id = 5"')
    delete.add_argument("--all", action="store_true", help="all rows of the table, instead of conditions")
    delete.add_argument("--with-masters", action="store_true", help="also the masters of parts that go")
    delete.add_argument("--dry-run", action="store_true", help="only show what would go")
    parsing.yes(delete)
    drop = parsing.add(
        commands,
        "drop",
        "drop a table with all that depends on it, or a schema, after showing what goes",
        run="removal:drop",
        examples=("drop lab.Rate", "drop lab", "drop lab --dry-run"),
        json="one object: dropped, tables (table, rows)",
    )
    parsing.complete(drop.add_argument("name", metavar="NAME", help="a schema, or schema.Table"), schema_or_table_names)
    drop.add_argument("--dry-run", action="store_true", help="only show what would go")
    parsing.yes(drop)
    erase = parsing.add(
        commands,
        "erase",
        "delete rows for good, with all that depends on them, their jobs and objects",
        run="erase:erase",
        examples=('erase lab.Subject "subject = 12"',),
        json="one object: tables (table, rows), object_count, object_bytes, kept_file_count, remaining_object_count",
    )
    parsing.table(erase)
    erase.add_argument("condition", metavar="CONDITION", help='which rows, such as "subject = 12"')
    erase.add_argument(
        "--with-masters", action="store_true", help="also the masters of parts that go, with all that depends on these"
    )
    parsing.yes(erase)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _limit(text: str) -> int | str:
    return "all" if text == "all" else parsing.count(text)

"""The commands for moving here: `import-datajoint` and `check-code`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from levada._cli.grammar import parsing

if TYPE_CHECKING:
    from levada._cli.grammar.parsing import Commands


def add_commands(commands: Commands) -> None:
    """Add them to the command line."""
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
        "changes, not_brought (place, why, rows), jobs, decided, grants, problems, questions (id, text, answers); "
        "after an import also report (equal, tables (table, there, inserted, rows_there, rows_here, digest_there, "
        "digest_here, kept_as_bytes), jobs, hidden)",
    )
    bring.add_argument(
        "source",
        metavar="ADDRESS",
        help="the database: mysql://USER@HOST:PORT or postgresql://USER@HOST/DATABASE; the password is in "
        "LEVADA_SOURCE_PASSWORD, or asked for",
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
        examples=("check-code pipeline", "check-code pipeline/ingest.py"),
        server=parsing.NONE,
        json="one object per place: file, line, name, advice",
    )
    check.add_argument("path", type=Path, metavar="PATH", help="a file, or a folder with Python files")

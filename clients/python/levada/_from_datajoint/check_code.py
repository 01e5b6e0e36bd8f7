"""Finding places that code written for DataJoint must change, by its syntax: nothing is imported or run."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from levada._base.absent_names import ABSENT as ABSENT_MEMBERS
from levada._base.config import HOST, HOST_VARIABLE, MEANINGLESS
from levada._base.errors import InvalidRequest
from levada._base.names import stored_name
from levada._datajoint.absent import NEEDLESS, TOP_LEVEL, reason_for
from levada._from_datajoint import host_settings, naming
from levada._from_datajoint.code_files import is_code, place_of, read_cells
from levada._from_datajoint.conditions import Attribute, Attributes, compared, taken_apart
from levada._from_datajoint.connections import Connections
from levada._from_datajoint.decisions import Decisions
from levada._from_datajoint.host_settings import WAY_OUT
from levada._from_datajoint.syntax import Texts, argument, beginning, last_word, names_of, tier_of, written
from levada._from_datajoint.written_definitions import held, otherwise

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from levada._from_datajoint.code_files import Cell
    from levada._from_datajoint.conditions import Condition

_PACKAGE = "datajoint"
_HERE = "levada"
_SCHEMAS = frozenset({"schema", "Schema"})
_SCHEMA_ARGUMENTS = {
    **dict.fromkeys((*_SCHEMAS, "virtual_schema"), 0),
    **dict.fromkeys(("VirtualModule", "create_virtual_module"), 1),
}
"""The place of the schema's name among the arguments of the callables that take one, which call it `schema_name`."""
_OF_SCHEMAS = frozenset({"external", "log"})
"""Members that only schemas of 0.14 have, whose names mean something else elsewhere."""
_COMMON = frozenset(
    {
        "connect",
        "create",
        "database",
        "definition",
        "drop",
        "fs",
        "join",
        "make",
        "merge",
        "register",
        "select",
        "suggest",
    }
    | {"table_name", "unsupported", "adapter", "support", *_OF_SCHEMAS}
)
"""Members that other classes have too, here or elsewhere: their names alone say nothing."""
_SQL = (
    "the server takes no SQL: fetch by tables and their operators, as `len(Table())` for COUNT(*) and "
    "`schema.list_tables()` for SHOW TABLES, or let who runs the server read its PostgreSQL"
)
_ASKS = frozenset({"query", "execute", "_conn"})
"""Members of a connection that lead to SQL."""
_STATEMENT = re.compile(
    r"\s*(select\b.*\bfrom|show|insert\s+(ignore\s+)?into|replace\s+into|update\b.*\bset|delete\s+from"
    r"|(create|alter|drop|truncate|lock|rename)\s+(table|schema|database|tables|user|view)|grant|set\s+\w+)\s",
    re.IGNORECASE | re.DOTALL,
)
"""The beginning of a text that surely is SQL."""
_NO_HOST = f"delete this line: {WAY_OUT}"
_IMPORT = (
    "write `import levada as dj`, or `import levada.as_datajoint` before it, which also serves packages you install"
)


@dataclass(frozen=True, slots=True)
class Finding:
    """A place that must change.

    Args:
        line: From 1, in the file or the cell; 0 for what has no lines.
        name: As it is written there.
        advice: The change to make.
        must: Without the change, the code fails or does something else; otherwise the line has no effect.
        cell: The place of the cell among all those of its notebook, from 1.
    """

    file: Path
    line: int
    name: str
    advice: str
    must: bool = True
    cell: int | None = None

    @property
    def place(self) -> str:
        """The file, the cell, and the line."""
        cell = f":cell {self.cell}:line" if self.cell else ""
        return f"{self.file}{cell}{' ' if cell else ':'}{self.line}" if self.line else str(self.file)


def check(path: Path, decisions: Decisions | None) -> tuple[list[Finding], int]:
    """Check a file, or all Python files and notebooks of a folder; return the findings, and how many files were read.

    The settings around it that name a database host count, too.

    Args:
        decisions: Those of the import: they rename schemas and attributes, and choose types and stores.

    Raises:
        InvalidRequest: There is no such file or folder, or no Python in it.
    """
    if not path.exists():
        raise InvalidRequest(f"There is no file or folder {path}.")
    files = sorted(filter(is_code, path.rglob("*"))) if path.is_dir() else [path]
    read = [one for file in files if (one := _read(file, decisions)) is not None]
    if not read:
        raise InvalidRequest(f"Nothing was checked: {path} has no Python file, and no notebook with Python.")
    # A package is imported before its modules.
    standing_in = {one.file.parent for one in read if one.stands_in and one.file.name == "__init__.py"}
    attributes = Attributes((attribute for one in read for attribute in one.attributes), decisions or Decisions())
    findings: list[Finding] = []
    for one in read:
        found = [*one.findings, *one.otherwise_here(attributes)]
        placed = [*one.faults, *(one.placed(finding) for finding in found)]
        unique = {(finding.cell or 0, finding.line, finding.name): finding for finding in placed}
        findings += (
            unique[place]
            for place in sorted(unique)
            if unique[place].advice != _IMPORT or standing_in.isdisjoint(one.file.parents)
        )
    findings += (Finding(*found) for found in host_settings.places(path))
    return findings, len(read)


def _read(file: Path, decisions: Decisions | None) -> _Reader | None:
    """Read a file; return None if there is no Python in it."""
    cells, unreadable = read_cells(file)
    if not cells and not unreadable:
        return None
    reader = _Reader(file, decisions, cells)
    reader.faults = [Finding(file, one.line, file.name, one.reason, cell=one.cell) for one in unreadable]
    tree = ast.Module([statement for cell in cells for statement in cell.tree.body], [])
    reader.visit(tree)
    reader.find_sql(tree)
    return reader


class _Reader(ast.NodeVisitor):
    """Reads one file, from its first line on."""

    def __init__(self, file: Path, decisions: Decisions | None, cells: Sequence[Cell]) -> None:
        self.file = file
        self.faults: list[Finding] = []
        """The lines that Python cannot read."""
        self._cells = cells
        self._harmless: set[ast.expr] = set()
        """The targets of assignments that name no host."""
        self._decided = decisions is not None
        self._decisions = decisions or Decisions()
        self._modules: dict[str, str] = {}
        """The place below `datajoint` of each name that stands for it or one of its modules."""
        self._schemas: dict[str, str] = {}
        """The schema's name for each name that stands for one; empty if the code computes it."""
        self._texts = Texts()
        self._masters: list[tuple[str, str]] = []
        """The classes around a place: the schema's name, and the stored name."""
        self._conditions: list[Condition] = []
        self._asked: list[ast.Attribute] = []
        """The members that lead to SQL, if they are a connection's."""
        self.attributes: list[Attribute] = []
        """Those of its definitions."""
        self.findings: list[Finding] = []
        self.stands_in = False
        """Whether Levada stands in for DataJoint from here on."""

    def visit_Import(self, node: ast.Import) -> None:  # the name of the syntax
        for alias in node.names:
            package, _, below = alias.name.partition(".")
            self.stands_in |= alias.name == "levada.as_datajoint"
            if package in (_PACKAGE, _HERE):
                self._modules[alias.asname or package] = below if alias.asname else ""
            if package == _PACKAGE:
                self._imported(node, alias.name)
                self._tell(node, below, alias.name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:  # as above
        package, _, below = (node.module or "").partition(".")
        names = [alias.name for alias in node.names]
        self.stands_in |= node.module == "levada.as_datajoint" or (node.module == "levada" and "as_datajoint" in names)
        if package not in (_PACKAGE, _HERE) or node.level:
            return
        if package == _PACKAGE:
            self._imported(node, node.module or "")
        for alias in node.names:
            place = f"{below}.{alias.name}".lstrip(".")
            self._modules[alias.asname or alias.name] = place
            if package == _PACKAGE:
                self._tell(node, place, alias.name)

    def visit_Assign(self, node: ast.Assign) -> None:  # as above
        names = names_of(node)
        if isinstance(node.value, ast.Constant) and not node.value.value:
            self._harmless.update(node.targets)
        if isinstance(node.value, ast.Call) and self._callable(node.value.func) in _SCHEMAS:
            name = self._texts.of(argument(node.value, 0, "schema_name"))
            self._schemas.update(dict.fromkeys(names, name or ""))
        elif (text := self._texts.of(node.value)) is not None:
            self._texts.known.update(dict.fromkeys(names, text))
        elif (place := self._place(node.value)) is not None:
            self._modules.update(dict.fromkeys(names, place))
        self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:  # as above
        tier = tier_of(node)
        schema, stored = self._stored(node, tier)
        for statement in node.body if tier else ():
            if isinstance(statement, ast.Assign) and "definition" in names_of(statement):
                self._define(statement.value, schema, stored, node.name)
        self._masters.append((schema, stored))
        self.generic_visit(node)
        self._masters.pop()

    def visit_Expr(self, node: ast.Expr) -> None:  # as above
        if not isinstance(node.value, ast.Constant):  # a docstring has no condition
            self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:  # as above
        if isinstance(node.value, str):
            self._conditions += taken_apart(node, node.value)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:  # as above
        self._conditions += taken_apart(node, written(node))
        for one in node.values:
            if isinstance(one, ast.FormattedValue):
                self.visit(one)

    def visit_Attribute(self, node: ast.Attribute) -> None:  # as above
        text = ast.unparse(node)
        place = self._place(node)
        if node.attr in _ASKS:
            self._asked.append(node)
        if place is not None:
            self._tell(node, place, text)
            section, _, setting = place.removeprefix("settings.").partition(".")
            if section == "config":
                self._set(node, setting)
        elif self._modules and (
            (node.attr in ABSENT_MEMBERS and node.attr not in _COMMON)
            or (node.attr in _OF_SCHEMAS and isinstance(node.value, ast.Name) and node.value.id in self._schemas)
        ):
            self._found(node, text, ABSENT_MEMBERS[node.attr])
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:  # as above
        function = node.func
        if isinstance(function, ast.Attribute) and function.attr == "query":
            text = beginning(argument(node, 0, "query"), self._texts)
            if _STATEMENT.match(f"{text} "):
                self._found(function, ast.unparse(function), f"if this is a connection of DataJoint, {_SQL}")
        if isinstance(function, ast.Attribute) and function.attr == "restrict":
            for one in node.args:
                self._conditions += compared(one, self._texts)
        self._check_schema(node)
        self._check_host(node)
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:  # as above
        if isinstance(node.op, ast.BitAnd | ast.Sub):
            self._conditions += compared(node.right, self._texts)
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:  # as above
        if isinstance(node.op, ast.BitAnd | ast.Sub):
            self._conditions += compared(node.value, self._texts)
        self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:  # as above
        key = node.slice.value if isinstance(node.slice, ast.Constant) else None
        if self._is_config(node.value) and isinstance(key, str):
            self._set(node, key)
        elif last_word(node.value) == "environ" and key == HOST_VARIABLE and isinstance(node.ctx, ast.Store):
            self._found(node, ast.unparse(node), _NO_HOST)
        self.generic_visit(node)

    def _is_config(self, node: ast.expr) -> bool:
        return self._place(node) in ("config", "settings.config")

    def _set(self, node: ast.Subscript | ast.Attribute, setting: str) -> None:
        """Report a setting that is refused, or has no effect."""
        if setting == HOST and isinstance(node.ctx, ast.Store) and node not in self._harmless:
            self._found(node, ast.unparse(node), _NO_HOST)
        elif setting in MEANINGLESS:
            self._found(node, ast.unparse(node), f"this setting has no effect: {MEANINGLESS[setting]}", must=False)

    def _check_host(self, node: ast.Call) -> None:
        """Report a call that names a database host."""
        function, text = node.func, ast.unparse(node.func)
        called, given = self._callable(function), [*node.args, *node.keywords]
        if (called == "conn" and given) or (called == "Connection" and len(given) > 1):
            self._found(node, text, f"leave its arguments out: {WAY_OUT}")
        elif isinstance(function, ast.Attribute):
            of, first = function.value, argument(node, 0, "key")
            if last_word(of) == "environ" and function.attr == "setdefault" and self._texts.of(first) == HOST_VARIABLE:
                self._found(node, text, _NO_HOST)
            elif self._is_config(of) and isinstance(first, ast.Dict):
                names = [None if key is None else self._texts.of(key) for key in first.keys]
                if HOST in names:
                    self._found(node, text, _NO_HOST)

    def _check_schema(self, node: ast.Call) -> None:
        """Check the name of a schema that a call has."""
        name = self._callable(node.func)
        if name in _SCHEMA_ARGUMENTS:
            schema = self._texts.of(argument(node, _SCHEMA_ARGUMENTS[name], "schema_name"))
        elif name == "FreeTable":
            table = self._texts.of(argument(node, 1, "full_table_name") or argument(node, 0, "conn_or_name"))
            schema = None if table is None else table.partition(".")[0].strip("`")
        elif (
            isinstance(node.func, ast.Attribute)
            and node.func.attr == "activate"
            and last_word(node.func.value) in self._schemas
        ):
            schema = self._texts.of(argument(node, 0, "schema_name"))
            self._schemas[last_word(node.func.value)] = schema or ""
        else:
            return
        if not schema or schema in self._decisions.schemas.values():
            return
        decided = self._decisions.schemas.get(schema)
        here = decided or naming.schema_name(schema)
        if here != schema:
            why = ", as decided" if decided else ""
            other = "" if self._decided else ", or the name under [schemas], if you write a file of decisions"
            advice = f"the import calls this schema `{here}`{why}: write that{other}"
            self._found(node, f"{ast.unparse(node.func)}({schema!r})", advice)

    def _stored(self, node: ast.ClassDef, tier: str) -> tuple[str, str]:
        """Return the schema's name, empty if the code does not say it, and the stored name of a class."""
        if tier == "Part" and self._masters:
            schema, master = self._masters[-1]
            return schema, f"{master}__{stored_name(node.name)}"
        decorators = [one.id for one in node.decorator_list if isinstance(one, ast.Name)]
        schema = next((self._schemas[name] for name in decorators if name in self._schemas), "")
        return schema, naming.mark_of(tier) + stored_name(node.name)

    def _define(self, node: ast.expr, schema: str, stored: str, table: str) -> None:
        definition = self._texts.of(node)
        if definition is None:
            return
        # The code may have the name here already, and decisions have the one there.
        there = next((old for old, new in self._decisions.schemas.items() if new == schema), schema)
        place = f"{there}.{stored}" if there else ""
        for name, holds in held(definition, place, self._decisions):
            self.attributes.append(Attribute(name, f"`{table}`", place, holds))
        for one in otherwise(definition, place, self._decisions):
            line = min(node.lineno + one.line, node.end_lineno or node.lineno)
            self.findings.append(Finding(self.file, line, one.word, one.advice))

    def placed(self, finding: Finding) -> Finding:
        """Return a finding with its place in the file."""
        cell, line = place_of(finding.line, self._cells)
        return replace(finding, cell=cell, line=line)

    def find_sql(self, tree: ast.Module) -> None:
        """Find where connections are asked for SQL, once all names that stand for DataJoint are known."""
        connections = Connections(tree, self._place)
        for node in self._asked:
            if connections.has(node.value):
                self._found(node, ast.unparse(node), _SQL)

    def otherwise_here(self, attributes: Attributes) -> Iterator[Finding]:
        """Find the conditions that must be others here.

        Args:
            attributes: Those of all files.
        """
        for one in self._conditions:
            if advice := attributes.advice(one):
                yield Finding(self.file, one.line, one.text, advice)

    def _callable(self, node: ast.expr) -> str:
        """Return the name of a callable of DataJoint without its module; empty for all others."""
        return (self._place(node) or "").rpartition(".")[2]

    def _place(self, node: ast.expr) -> str | None:
        """Return the place below `datajoint` of an expression such as `dj.admin.kill`; None for all others."""
        words: list[str] = []
        while isinstance(node, ast.Attribute):
            words.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or node.id not in self._modules:
            return None
        return ".".join([*filter(None, [self._modules[node.id]]), *reversed(words)])

    def _tell(self, node: ast.stmt | ast.expr, place: str, name: str) -> None:
        reason = reason_for(TOP_LEVEL.get(place, place)) if place else None
        if place in NEEDLESS:
            self._found(node, name, f"this has no effect: {NEEDLESS[place]}", must=False)
        elif reason is not None:
            self._found(node, name, reason)

    def _imported(self, node: ast.stmt, name: str) -> None:
        if not self.stands_in:
            self._found(node, name, _IMPORT)

    def _found(self, node: ast.stmt | ast.expr, name: str, advice: str, *, must: bool = True) -> None:
        self.findings.append(Finding(self.file, node.lineno, name, advice, must))

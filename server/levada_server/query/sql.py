"""The SQL tree, and its text with bound values: the only module that writes queries as text.

Names are always quoted and values always bound. Every other piece of text in the tree (operators, functions, types)
is a constant of the compiler, never a piece of a request.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

from levada_server.errors import QueryTooDeep
from levada_server.model.spans import bindable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

MAX_VALUES = 32_767
"""The maximum number of bound values of a statement in PostgreSQL's protocol, as the driver uses it."""

VOLATILE_CALLS = ("now()", "random()")
"""The calls, as they are written, whose values do not depend on the data. No name can contain one."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a source: `alias.name`; without an alias, of the table that an index or check belongs to."""

    alias: str
    name: str


@dataclass(frozen=True, slots=True)
class Value:
    """A bound value, written `$n::type`: what the driver encodes for `type`, or a span; a list for an array type."""

    value: object
    type: str
    parameter: int | None = None
    """Its number among the query's parameters; None if it may not be replaced."""


@dataclass(frozen=True, slots=True)
class Keyword:
    """A constant word, such as NULL, TRUE or `*`."""

    text: str


@dataclass(frozen=True, slots=True)
class Operation:
    """Operands with an infix operator between them, in parentheses. A single operand has the operator before it."""

    operator: str
    operands: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Test:
    """An operand with a postfix test: `x IS NULL`, `x IS NOT TRUE`."""

    operand: Expression
    test: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function call; the extras are those of aggregate functions."""

    function: str
    arguments: tuple[Expression, ...]
    distinct: bool = False
    order_by: tuple[Order, ...] = ()
    filter: Expression | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """`CASE WHEN … THEN … ELSE … END`."""

    branches: tuple[tuple[Expression, Expression], ...]
    otherwise: Expression


@dataclass(frozen=True, slots=True)
class Cast:
    """`operand::type`."""

    operand: Expression
    type: str


@dataclass(frozen=True, slots=True)
class AnyOf:
    """`operand = ANY(array)`."""

    operand: Expression
    array: Expression


@dataclass(frozen=True, slots=True)
class Exists:
    """Whether a query has a row."""

    select: Select
    negated: bool = False


@dataclass(frozen=True, slots=True)
class In:
    """Whether operands are together a row of a query, which does not depend on them."""

    operands: tuple[Expression, ...]
    select: Select


Expression: TypeAlias = Column | Value | Keyword | Operation | Test | Call | Case | Cast | AnyOf | Exists | In


@dataclass(frozen=True, slots=True)
class Order:
    """One term of ORDER BY. NULLs come last in ascending, first in descending order, as is PostgreSQL's default."""

    expression: Expression
    descending: bool = False


@dataclass(frozen=True, slots=True)
class TableSource:
    """A stored table."""

    schema: str
    name: str
    alias: str


@dataclass(frozen=True, slots=True)
class SubquerySource:
    """A query in FROM."""

    select: Select
    alias: str


@dataclass(frozen=True, slots=True)
class ArraySource:
    """Bound arrays as a table: `unnest($1, $2) AS alias(name, …)`."""

    columns: tuple[tuple[str, Value], ...]
    alias: str


@dataclass(frozen=True, slots=True)
class JoinSource:
    """Two joined sources; `kind` is INNER, LEFT or FULL."""

    kind: str
    left: Source
    right: Source
    on: tuple[Expression, ...]


Source: TypeAlias = TableSource | SubquerySource | ArraySource | JoinSource


@dataclass(frozen=True)
class Select:
    """One SELECT.

    Args:
        columns: Output names with their expressions, in order. May be empty.
        source: FROM; None for a query without a source.
        where: All of these hold.
        group_by: Grouping expressions; `grouped` without any puts everything into one row.
        grouped: The columns hold aggregates.
        distinct: No two rows are alike.
        order_by: Order of the rows.
        limit: At most this many rows.
        offset: Skip this many rows.
        fence: Nothing of a query around it is computed for other rows than its own.
    """

    columns: tuple[tuple[str, Expression], ...]
    source: Source | None
    where: tuple[Expression, ...] = ()
    group_by: tuple[Expression, ...] = ()
    grouped: bool = False
    distinct: bool = False
    order_by: tuple[Order, ...] = ()
    limit: int | None = None
    offset: int = 0
    fence: bool = False

    @property
    def plain(self) -> bool:
        """Conditions can be added to this SELECT and its columns replaced without changing its meaning."""
        return not (self.grouped or self.distinct or self.limit is not None or self.offset or self.fence)

    def column(self, name: str) -> Expression:
        """Return the expression of an output column."""
        return self._by_name[name]

    def fixes(self, names: Iterable[str]) -> bool:
        """Return whether its conditions compare each of some output columns with one value."""
        fixed = tuple(_fixed(self.where))  # values in them may have no hash
        return all(self.column(name) in fixed for name in names)

    @cached_property
    def _by_name(self) -> dict[str, Expression]:
        return dict(self.columns)


def _fixed(conditions: Iterable[Expression]) -> Iterator[Expression]:
    """Yield the expressions that equal a value wherever some conditions hold."""
    for condition in conditions:
        if not isinstance(condition, Operation):
            continue
        if condition.operator == "AND":
            yield from _fixed(condition.operands)
        elif condition.operator == "=" and isinstance(condition.operands[1], Value):
            yield condition.operands[0]


def parts(expression: Expression) -> tuple[Expression, ...]:
    """Return the parts of an expression; a query inside it is not a part."""
    match expression:
        case Column() | Value() | Keyword() | Exists():
            return ()
        case Operation(_, operands):
            return operands
        case Test(operand) | Cast(operand):
            return (operand,)
        case AnyOf(operand, array):
            return operand, array
        case In(operands):
            return operands
        case Case(branches, otherwise):
            return (*(part for branch in branches for part in branch), otherwise)
        case Call(_, arguments, _, order_by, condition):
            ordered = (term.expression for term in order_by)
            return (*arguments, *ordered, *(() if condition is None else (condition,)))


_INFALLIBLE = frozenset({"AND", "OR", "NOT", "=", "<>", "<", "<=", ">", ">=", "IS NOT DISTINCT FROM"})

_INFALLIBLE_CALLS = frozenset({"coalesce", "count", "max", "min"})


def infallible(expression: Expression) -> bool:
    """Return whether computing an expression surely raises no error, whatever the values of its columns."""
    match expression:
        case Operation(operator):
            return operator in _INFALLIBLE and all(map(infallible, parts(expression)))
        case Call(function):
            return function in _INFALLIBLE_CALLS and all(map(infallible, parts(expression)))
        case Column() | Value() | Keyword() | Test() | AnyOf() | Case():
            return all(map(infallible, parts(expression)))
        case _:
            return False


NULL = Keyword("NULL")
TRUE = Keyword("TRUE")
FALSE = Keyword("FALSE")
STAR = Keyword("*")


def conjunction(conditions: Iterable[Expression]) -> Expression:
    """Join conditions with AND; TRUE if there are none."""
    terms = tuple(conditions)
    return TRUE if not terms else terms[0] if len(terms) == 1 else Operation("AND", terms)


def disjunction(conditions: Iterable[Expression]) -> Expression:
    """Join conditions with OR; FALSE if there are none."""
    terms = tuple(conditions)
    return FALSE if not terms else terms[0] if len(terms) == 1 else Operation("OR", terms)


def equal(left: Expression, right: Expression) -> Operation:
    """Compare two expressions with `=`."""
    return Operation("=", (left, right))


@dataclass(frozen=True, slots=True)
class Statement:
    """The text of a query, and the values for its `$1`, `$2` and so on.

    Args:
        text: The text, with placeholders for values.
        values: In their order.
        parameters: The values that may be replaced: the index of each, and the number of its parameter.
    """

    text: str
    values: tuple[object, ...]
    parameters: tuple[tuple[int, int], ...] = ()

    def filled(self, values: Sequence[object]) -> Statement:
        """Return the same text with other values for its parameters."""
        filled = list(self.values)
        for index, number in self.parameters:
            filled[index] = values[number]
        return Statement(self.text, tuple(filled), self.parameters)


@dataclass(slots=True)
class _Writer:
    """Collects values while text is written."""

    values: list[object] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    """The parameters among the values; values that precede the query's own are not among them."""
    constant: bool = False
    """Write values as constants instead; for DDL, which takes no bound values."""
    literals: Sequence[str] | None = None
    """Write these instead of the values; for COPY, which takes none."""
    parameters: list[tuple[int, int]] = field(default_factory=list)
    _bound: dict[int, tuple[Value, str]] = field(default_factory=dict)
    """Each value, by its identity, and its text: a condition that is repeated behind a fence has the same values."""

    def bind(self, value: Value) -> str:
        if self.constant:
            return f"{_constant(_bound(value))}::{value.type}"
        if id(value) not in self._bound:
            self._bound[id(value)] = value, self._place(value)
        return self._bound[id(value)][1]

    def _place(self, value: Value) -> str:
        if value.parameter is not None:
            self.parameters.append((len(self.values), value.parameter))
        self.values.append(_bound(value))
        self.types.append(value.type)
        place = f"${len(self.values)}" if self.literals is None else self.literals[len(self.values) - 1]
        return f"{place}::{value.type}"

    def statement(self, text: str) -> Statement:
        if len(self.values) > MAX_VALUES:
            raise QueryTooDeep(
                f"The query has {len(self.values)} values; the limit is {MAX_VALUES}. Restrict by a table of values "
                "instead of many single conditions.",
                limit=MAX_VALUES,
            )
        return Statement(text, tuple(self.values), tuple(self.parameters))

    def expression(self, expression: Expression) -> str:
        match expression:
            case Column(alias, name):
                return f"{alias}.{quote_name(name)}" if alias else quote_name(name)
            case Value():
                return self.bind(expression)
            case Keyword(text):
                return text
            case Operation(operator, (operand,)):
                return f"({operator} {self.expression(operand)})"
            case Operation(operator, operands):
                return "(" + f" {operator} ".join(map(self.expression, operands)) + ")"
            case Test(operand, test):
                return f"({self.expression(operand)} {test})"
            case Call():
                return self.call(expression)
            case Case(branches, otherwise):
                whens = (f"WHEN {self.expression(w)} THEN {self.expression(t)}" for w, t in branches)
                return f"CASE {' '.join(whens)} ELSE {self.expression(otherwise)} END"
            case Cast(operand, type_name):
                return f"({self.expression(operand)})::{type_name}"
            case AnyOf(operand, array):
                return f"({self.expression(operand)} = ANY({self.expression(array)}))"
            case In(operands, select):
                return f"(({', '.join(map(self.expression, operands))}) IN ({self.select(select)}))"
            case Exists(select, negated):
                return f"{'NOT ' if negated else ''}EXISTS ({self.select(select)})"

    def call(self, call: Call) -> str:
        arguments = ", ".join(map(self.expression, call.arguments))
        distinct = "DISTINCT " if call.distinct else ""
        order = self.order_by(call.order_by)
        text = f"{call.function}({distinct}{arguments}{order})"
        return text if call.filter is None else f"{text} FILTER (WHERE {self.expression(call.filter)})"

    def order_by(self, terms: tuple[Order, ...]) -> str:
        if not terms:
            return ""
        return " ORDER BY " + ", ".join(
            self.expression(term.expression) + (" DESC" if term.descending else "") for term in terms
        )

    def source(self, source: Source) -> str:
        match source:
            case TableSource(schema, name, alias):
                return f"{quote_name(schema)}.{quote_name(name)} AS {alias}"
            case SubquerySource(select, alias):
                return f"({self.select(select)}) AS {alias}"
            case ArraySource(columns, alias):
                arrays = ", ".join(self.bind(value) for _, value in columns)
                names = ", ".join(quote_name(name) for name, _ in columns)
                return f"unnest({arrays}) AS {alias}({names})"
            case JoinSource(kind, left, right, on):
                return f"{self.source(left)} {kind} JOIN {self.nested(right)} ON {self.expression(conjunction(on))}"

    def nested(self, source: Source) -> str:
        text = self.source(source)
        return f"({text})" if isinstance(source, JoinSource) else text

    def select(self, select: Select) -> str:
        parts = ["SELECT DISTINCT" if select.distinct else "SELECT"]
        if select.columns:
            parts.append(", ".join(f"{self.expression(e)} AS {quote_name(name)}" for name, e in select.columns))
        if select.source is not None:
            parts.append("FROM " + self.source(select.source))
        if select.where:
            parts.append("WHERE " + " AND ".join(map(self.expression, select.where)))
        if select.group_by:
            parts.append("GROUP BY " + ", ".join(map(self.expression, select.group_by)))
        text = " ".join(parts) + self.order_by(select.order_by)
        if select.limit is not None:
            text += f" LIMIT {self.bind(Value(select.limit, 'bigint'))}"
        if select.offset:
            text += f" OFFSET {self.bind(Value(select.offset, 'bigint'))}"
        elif select.fence:
            text += " OFFSET 0"
        return text


def render(select: Select, before: tuple[object, ...] = ()) -> Statement:
    """Write a query as text, its values bound in the order of their occurrence.

    Args:
        select: The query.
        before: Values that precede the query's own, for a statement that contains the query.

    Raises:
        QueryTooDeep: It has more values than a statement can have.
    """
    writer = _Writer(list(before))
    return writer.statement(writer.select(select))


def render_constant(expression: Expression) -> str:
    """Write an expression with its values as constants: for DDL, which takes no bound values."""
    return _Writer(constant=True).expression(expression)


def render_literals(select: Select) -> Statement | None:
    """Write a query that returns the values of another, spelled as PostgreSQL does in SQL, in one array, in order.

    Returns:
        None if there are no values.

    Raises:
        QueryTooDeep: There are more than a statement can have.
    """
    writer = _Writer()
    writer.select(select)
    if not writer.values:
        return None
    spelled = (f"coalesce(quote_literal(${i}::{type_}::text), 'NULL')" for i, type_ in enumerate(writer.types, 1))
    return writer.statement(f"SELECT ARRAY[{', '.join(spelled)}]")


def render_copy(select: Select, types: Mapping[str, str], mark: int, literals: Sequence[str]) -> str:
    """Write a query for COPY, which sends a column in its own type, and takes no bound values.

    Args:
        select: The query.
        types: The type in which each column is sent.
        mark: A number sent before the columns of every row.
        literals: The result of the query from `render_literals`.
    """
    if select.distinct:
        # An order would have to refer to the columns before they are cast.
        inner = tuple((name, Column("q", name)) for name, _ in select.columns)
        select = Select(inner, SubquerySource(select, "q"))
    columns = tuple((name, Cast(expression, types[name])) for name, expression in select.columns)
    marked = (("_mark", Cast(Keyword(str(mark)), "integer")), *columns)
    return _Writer(literals=literals).select(replace(select, columns=marked))


@dataclass(frozen=True, slots=True)
class Repeated:
    """A query that runs once for each element of some arrays.

    Args:
        text: The text. `$1` are the numbers of the runs, `$2` the most rows of each, then come the arrays of its
            parameters and the values that all runs share.
        parameters: The numbers of its parameters.
        shared: The values that all runs share.
    """

    text: str
    parameters: tuple[int, ...]
    shared: tuple[object, ...]


def render_repeated(select: Select, kind: str) -> Repeated:
    """Write a query that returns, for each run, its number and the rows of another query, at most as many as it may.

    Args:
        select: The other query.
        kind: `rows`; or `count` for their number, or `exists` for whether there is one.
    """
    plain = _Writer()
    plain.select(select)
    places = [""] * len(plain.values)
    types: list[str] = []
    shared: list[object] = []
    numbers = dict(plain.parameters)
    for index, number in numbers.items():
        places[index] = f"v.p{number}"
    every = {number: plain.types[index] for index, number in numbers.items()}  # one may be at several places
    for type_ in every.values():
        types.append(f"${3 + len(types)}::{type_}[]")
    for index, value in enumerate(plain.values):
        if index not in numbers:
            shared.append(value)
            places[index] = f"${2 + len(types) + len(shared)}"
    inner = _Writer(literals=places).select(select)
    body = {
        "rows": f"SELECT i.* FROM ({inner}) AS i LIMIT v._most",
        "count": f"SELECT count(*) FROM ({inner}) AS i",
        "exists": f"SELECT EXISTS ({inner})",
    }[kind]
    names = ", ".join(("_run", "_most", *(f"p{number}" for number in every)))
    text = (
        f"SELECT v._run, q.* FROM unnest({', '.join(('$1::int[]', '$2::bigint[]', *types))}) AS v({names}) "
        f"CROSS JOIN LATERAL ({body}) AS q"
    )
    return Repeated(text, tuple(every), tuple(shared))


def render_count(select: Select) -> Statement:
    """Write a query that counts the rows of another."""
    inner = render(_unordered(select))
    return replace(inner, text=f"SELECT count(*) FROM ({inner.text}) AS counted")


def render_exists(select: Select) -> Statement:
    """Write a query that checks whether another has a row."""
    inner = render(_unordered(select))
    return replace(inner, text=f"SELECT EXISTS ({inner.text})")


def _unordered(select: Select) -> Select:
    """Leave out the order: it may decide which rows there are, but not how many."""
    return replace(select, order_by=())


def _bound(value: Value) -> object:
    return bindable(value.value) if value.type in ("bigint", "bigint[]") else value.value


def _constant(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return f"ARRAY[{', '.join(map(_constant, value))}]"
    return "NULL" if value is None else quote_text(str(value))


def quote_name(name: str) -> str:
    """Quote a name."""
    return '"' + name.replace('"', '""') + '"'


def quote_text(text: str) -> str:
    """Quote a text constant; for DDL, which takes no bound values."""
    quoted = "'" + text.replace("'", "''") + "'"
    return " E" + quoted.replace("\\", "\\\\") if "\\" in text else quoted

"""The parser of the expression language: operator precedence as in MySQL, for which most of these strings were written.

From weak to strong: OR; XOR; AND; NOT; comparisons and IS, from left to right; IN, LIKE, REGEXP, BETWEEN; + and -;
*, /, % and DIV; the sign; a path into JSON.
"""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache

from levada_server.query.expression import syntax
from levada_server.query.expression.cast_types import CAST_WORDS, cast_type
from levada_server.query.expression.cursor import OTHER_STATEMENTS, Cursor
from levada_server.query.expression.json_paths import path_steps
from levada_server.query.expression.tokens import MAX_DEPTH

MAX_ITEMS = 10_000
"""The maximum number of items in the brackets of IN."""

MAX_NUMBER = Decimal("1.7976931348623157e308")
"""The largest double."""

MAX_DIGITS = 400
"""The maximum number of digits of a number."""

CACHED_TEXTS = 512
CACHED_LENGTH = 500
"""Longer texts are parsed each time, which bounds the memory of the cache."""

_OR, _XOR, _AND, _NOT, _COMPARISON, _PREDICATE, _SUM, _PRODUCT, _SIGN = range(1, 10)

_OPERATORS = {
    "&&": _AND,
    **dict.fromkeys(("=", "==", "<>", "!=", "<", "<=", ">", ">=", "<=>"), _COMPARISON),
    **dict.fromkeys(("+", "-"), _SUM),
    **dict.fromkeys(("*", "/", "%"), _PRODUCT),
}
_WORDS = {
    "or": _OR,
    "and": _AND,
    "xor": _XOR,
    "is": _COMPARISON,
    **dict.fromkeys(("in", "like", "ilike", "regexp", "rlike", "between", "not"), _PREDICATE),
    **dict.fromkeys(("div", "mod"), _PRODUCT),
}
_SPELLINGS = {"==": "=", "!=": "<>", "mod": "%", "div": "DIV", "xor": "XOR"}

_CONSTANTS = {"null": None, "true": True, "false": False}
_BARE_FUNCTIONS = frozenset({"current_timestamp", "current_date"})
"""Functions that may be used without brackets."""

_NO_NAMES = frozenset({"and", "or", "in", "is", "like", "ilike", "between", "when", "then", "else"})
"""Words that are attributes only between backticks, in addition to words that begin an expression."""

UNITS = ("microsecond", "second", "minute", "hour", "day", "week", "month", "quarter", "year")

_A_VALUE = "an attribute, a value, a function or ("
_AN_OPERATOR = "an operator (= <> < <= > >= <=> AND OR XOR IN LIKE REGEXP BETWEEN IS + - * / % DIV) or the end"


def parse(text: str) -> syntax.Parsed:
    """Parse an expression.

    Raises:
        InvalidExpression: It is not valid, or exceeds a limit; the error points at the position.
    """
    return _parse_cached(text) if len(text) <= CACHED_LENGTH else _Parser(text).parse()


@lru_cache(maxsize=CACHED_TEXTS)
def _parse_cached(text: str) -> syntax.Parsed:
    return _Parser(text).parse()


class _Parser:
    """Walks over the tokens of one text.

    `depth` counts the levels around the current token, `height` the levels of the node built last.
    """

    __slots__ = ("cursor", "depth", "height", "marks")

    def __init__(self, text: str) -> None:
        self.cursor = Cursor(text)
        self.depth = 0
        self.height = 0
        self.marks = 0

    def parse(self) -> syntax.Parsed:
        if self.cursor.token.kind == "end":
            self.cursor.refuse("the expression is empty", _A_VALUE)
        root = self.expression(0)
        if self.cursor.token.kind != "end":
            self.cursor.refuse(self.cursor.found(), _AN_OPERATOR)
        return syntax.Parsed(root, self.marks)

    def check_height(self) -> None:
        if self.height > MAX_DEPTH:
            self.cursor.refuse(f"the expression has more than {MAX_DEPTH} levels of brackets, functions and operators")

    # ------------------------------------------------------------------------------------------- operators

    def expression(self, power: int) -> syntax.Node:
        """Parse an expression whose operators all bind at least as strongly as `power`."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.cursor.refuse(f"the expression nests deeper than {MAX_DEPTH} levels")
        left = self.operand(power)
        height = self.height
        while self.power_here() >= max(power, 1):
            left = self.operation(left)
            height = self.height = max(height, self.height) + 1
            self.check_height()
        self.depth -= 1
        return left

    def power_here(self) -> int:
        kind, text, _ = self.cursor.token
        if kind == "operator":
            return _OPERATORS.get(text, 0)
        if kind == "word":
            return _WORDS.get(text.lower(), 0)
        return 0

    def operation(self, left: syntax.Node) -> syntax.Node:
        """Parse the operator at the current token and its right side."""
        kind, text, position = self.cursor.token
        word = text.lower()
        if word in ("and", "&&", "or"):
            return self.logic("or" if word == "or" else "and", left)
        if kind == "operator" or word in _SPELLINGS:
            power = self.power_here()
            self.cursor.advance()
            return syntax.Binary(position, _SPELLINGS.get(word, word), left, self.expression(power + 1))
        self.cursor.advance()
        if word == "is":
            return self.test(left, position)
        negated = word == "not"
        if negated:
            word = self.cursor.token.text.lower() if self.cursor.token.kind == "word" else ""
            if word not in ("in", "like", "ilike", "regexp", "rlike", "between"):
                self.cursor.refuse(self.cursor.found(), "IN, LIKE, ILIKE, REGEXP or BETWEEN after NOT")
            self.cursor.advance()
        match word:
            case "in":
                return syntax.Among(position, left, self.items(), negated)
            case "between":
                low = self.expression(_SUM)
                height = self.height
                self.cursor.require_word("and")
                high = self.expression(_PREDICATE)
                self.height = max(height, self.height)
                return syntax.Between(position, left, low, high, negated)
            case _:
                word = "regexp" if word == "rlike" else word
                return syntax.Like(position, left, self.expression(_SUM), negated, word)

    def logic(self, word: str, left: syntax.Node) -> syntax.Node:
        position = self.cursor.token.position
        operands = [left]
        height = 0
        while self.cursor.take_word(word) or (word == "and" and self.cursor.take("&&")):
            operands.append(self.expression(_WORDS[word] + 1))
            height = max(height, self.height)
        self.height = height
        return syntax.Logic(position, word.upper(), tuple(operands))

    def test(self, left: syntax.Node, position: int) -> syntax.Node:
        negated = self.cursor.take_word("not")
        for word in _CONSTANTS:
            if self.cursor.take_word(word):
                self.height = 0
                return syntax.Is(position, left, word.upper(), negated)
        self.cursor.refuse(self.cursor.found(), "NULL, TRUE or FALSE after IS")

    def items(self) -> tuple[syntax.Node, ...] | syntax.Mark:
        """Parse the list after IN; a comma after the last item is allowed, as in Python's tuple of one."""
        self.height = 0
        if self.cursor.token.kind == "mark":
            return self.mark()
        if self.next_is_select():
            self.cursor.advance()
            self.cursor.refuse(self.cursor.found())
        self.cursor.require("(", "a list in brackets, or ? for a list of values")
        items: list[syntax.Node] = []
        height = 0
        while not self.cursor.at(")"):
            items.append(self.expression(1))
            height = max(height, self.height)
            if len(items) > MAX_ITEMS:
                self.cursor.refuse(f"a list has at most {MAX_ITEMS} items; pass the list as a value: `x IN ?`")
            if not self.cursor.take(","):
                break
        self.cursor.require(")", ", or )")
        self.height = height
        return tuple(items)

    def next_is_select(self) -> bool:
        following = self.cursor.after(1)
        return self.cursor.at("(") and following.kind == "word" and following.text.lower() in ("select", "with")

    # -------------------------------------------------------------------------------------------- operands

    def operand(self, power: int) -> syntax.Node:
        self.height = 0
        kind, text, position = self.cursor.token
        match kind:
            case "number":
                self.cursor.advance()
                return syntax.Literal(position, self.number(text, position))
            case "text":
                self.cursor.advance()
                return syntax.Literal(position, text)
            case "mark":
                return self.mark()
            case "quoted":
                self.cursor.advance()
                return self.parts(syntax.Name(position, text))
            case "word":
                return self.word(text, position, power)
            case "operator" if text == "(":
                self.cursor.advance()
                inner = self.expression(0)
                self.cursor.require(")", "an operator or )")
                return inner
            case "operator" if text in "+-":
                return self.signed(text, position)
        self.cursor.refuse(self.cursor.found(), _A_VALUE)

    def number(self, text: str, position: int) -> int | Decimal:
        if len(text) > MAX_DIGITS:
            self.cursor.refuse(f"a number has at most {MAX_DIGITS} digits", position=position)
        if text.isdigit():
            value: int | Decimal = int(text)
        else:
            head, _, exponent = text.lower().partition("e")
            # With an exponent past four digits, any number is past the largest or the smallest double.
            value = Decimal(f"{head}e{max(-9999, min(9999, int(exponent or 0)))}")
        if value > MAX_NUMBER:
            self.cursor.refuse(f"a number is at most {MAX_NUMBER}", position=position)
        return value

    def mark(self) -> syntax.Mark:
        self.marks += 1
        return syntax.Mark(self.cursor.advance().position, self.marks - 1)

    def signed(self, sign: str, position: int) -> syntax.Node:
        self.cursor.advance()
        inner = self.expression(_SIGN)
        if sign == "+":
            return inner
        # One sign belongs to the number; a second one is an operation, which has a range.
        if isinstance(inner, syntax.Literal) and isinstance(inner.value, (int, Decimal)) and inner.value >= 0:
            return syntax.Literal(position, _negative(inner.value))
        self.height += 1
        self.check_height()
        return syntax.Unary(position, "-", inner)

    def word(self, text: str, position: int, power: int) -> syntax.Node:
        word = text.lower()
        if word in _CONSTANTS:
            self.cursor.advance()
            return syntax.Literal(position, _CONSTANTS[word])
        if word == "not":
            if power > _NOT:
                self.cursor.refuse("NOT binds weaker than the operator before it; put `(NOT …)` in brackets")
            self.cursor.advance()
            inner = self.expression(_NOT)
            self.height += 1
            self.check_height()
            return syntax.Unary(position, "NOT", inner)
        if word == "case":
            return self.choice()
        if word in _NO_NAMES:
            self.cursor.refuse(self.cursor.found() + " (an attribute of this name goes between backticks)", _A_VALUE)
        if self.cursor.next_is("("):
            return self.call(word, position)
        if word in ("select", "with"):
            self.cursor.refuse(self.cursor.found())
        if word == "np" and self.cursor.next_is("."):
            return self.numpy_value()
        if word == "interval" and self.begins_interval():
            return self.interval()
        self.cursor.advance()
        if word in _BARE_FUNCTIONS:
            return syntax.Call(position, word, ())
        return self.parts(syntax.Name(position, text))

    def parts(self, name: syntax.Name) -> syntax.Node:
        """Parse a path into the JSON of an attribute: `.a[0]`, then a type after a colon; or `->` and `->>`."""
        steps: list[str] = []
        position = self.cursor.token.position
        if self.cursor.at(".") or self.cursor.at("["):
            while (step := self.step()) is not None:
                steps.append(step)
            return syntax.Path(
                position, name, tuple(steps), "scalar", self.cast_type() if self.cursor.take(":") else None
            )
        if self.cursor.take(":"):
            return syntax.Path(position, name, (), "scalar", self.cast_type())
        form = ""
        while self.cursor.at("->") or self.cursor.at("->>"):
            form = "text" if self.cursor.advance().text == "->>" else "json"
            steps += self.path()
            if form == "text":
                break
        return syntax.Path(position, name, tuple(steps), form) if form else name

    def step(self) -> str | None:
        if self.cursor.take("."):
            if self.cursor.token.kind not in ("word", "quoted"):
                self.cursor.refuse(self.cursor.found(), "a key after the point")
            return self.cursor.advance().text
        if self.cursor.take("["):
            if (
                self.cursor.token.kind != "number"
                or not self.cursor.token.text.isdigit()
                or len(self.cursor.token.text) > 9
            ):
                self.cursor.refuse(self.cursor.found(), "an index from 0")
            index = self.cursor.advance().text
            self.cursor.require("]")
            return index
        return None

    def path(self) -> tuple[str, ...]:
        if self.cursor.token.kind == "number" and self.cursor.token.text.isdigit() and len(self.cursor.token.text) <= 9:
            return (self.cursor.advance().text,)
        steps = path_steps(self.cursor.token.text) if self.cursor.token.kind == "text" else None
        if steps is None:
            self.cursor.refuse(self.cursor.found(), "a path such as '$.key' or '$.key[0]'")
        self.cursor.advance()
        return steps

    def numpy_value(self) -> syntax.Node:
        """Parse a number or text as NumPy prints it: `np.int64(5)`, `np.str_('a')`, `np.True_`."""
        self.cursor.advance()
        self.cursor.advance()
        word = self.cursor.token.text if self.cursor.token.kind == "word" else ""
        position = self.cursor.token.position
        if word in ("True_", "False_"):
            self.cursor.advance()
            return syntax.Literal(position, word == "True_")
        if not word.startswith(("int", "uint", "float", "str", "bool")):
            self.cursor.refuse(self.cursor.found(), "a value of NumPy, such as np.int64(5)")
        self.cursor.advance()
        self.cursor.require("(")
        value = self.expression(_SIGN)
        if not isinstance(value, syntax.Literal):
            self.cursor.refuse("this is not a single value", "a value of NumPy, such as np.int64(5)", position)
        self.cursor.require(")")
        return value

    def begins_interval(self) -> bool:
        """Distinguish `INTERVAL 1 DAY` from an attribute named interval."""
        kind, text, _ = self.cursor.after(1)
        if kind == "operator" and text == "-":
            return self.cursor.after(2).kind == "number" and self.cursor.after(3).text.lower() in UNITS
        if kind == "word":
            return text.lower() not in _WORDS and text.lower() not in _NO_NAMES and text.lower() != "end"
        return kind in ("number", "text", "mark", "quoted")

    # ------------------------------------------------------------------------------------ special functions

    def interval(self) -> syntax.Node:
        position = self.cursor.advance().position
        amount = self.expression(1)
        unit = self.cursor.token.text.lower() if self.cursor.token.kind == "word" else ""
        if unit not in UNITS:
            self.cursor.refuse(self.cursor.found(), f"a unit after INTERVAL: {', '.join(UNITS)}")
        self.cursor.advance()
        self.height += 1
        return syntax.Interval(position, amount, unit)

    def choice(self) -> syntax.Node:
        position = self.cursor.advance().position
        subject = None if self.cursor.at_word("when") else self.expression(1)
        height = self.height
        branches: list[tuple[syntax.Node, syntax.Node]] = []
        while self.cursor.take_word("when"):
            condition = self.expression(1)
            height = max(height, self.height)
            self.cursor.require_word("then")
            branches.append((condition, self.expression(1)))
            height = max(height, self.height)
        if not branches:
            self.cursor.refuse(self.cursor.found(), "WHEN after CASE")
        otherwise = self.expression(1) if self.cursor.take_word("else") else None
        self.height = max(height, self.height if otherwise else 0) + 1
        self.cursor.require_word("end")
        self.check_height()
        return syntax.Choice(position, subject, tuple(branches), otherwise)

    def call(self, name: str, position: int) -> syntax.Node:
        if name in OTHER_STATEMENTS:
            self.cursor.refuse(self.cursor.found())
        self.cursor.advance()
        opening = self.cursor.advance()
        match name:
            case "cast" | "convert":
                node: syntax.Node = self.convert(name, position)
            case "interval":
                # The word before a bracket may be either; the unit decides.
                self.cursor.back(2)
                return self.interval()
            case "json_value" | "json_extract":
                node = self.json_function(name, position)
            case "trim":
                node = self.trim(position)
            case _:
                node = self.ordinary_call(name, position)
        self.cursor.require(")", f", or ) for the ( of column {opening.position + 1}")
        self.height += 1
        self.check_height()
        return node

    def ordinary_call(self, name: str, position: int) -> syntax.Node:
        self.height = 0
        if self.cursor.at("*") and self.cursor.next_is(")"):
            self.cursor.advance()
            return syntax.Call(position, name, (), star=True)
        distinct = self.cursor.token.kind == "word" and self.cursor.at_word("distinct") and not self.cursor.next_is(")")
        if distinct:
            self.cursor.advance()
        arguments: list[syntax.Node] = []
        height = 0
        while not self.cursor.at(")"):
            arguments.append(self.expression(1))
            height = max(height, self.height)
            if not (self.cursor.take(",") or self.takes_word_between(name)):
                break
        order: list[tuple[syntax.Node, bool]] = []
        separator = None
        if name == "group_concat":
            order, separator = self.order(), self.separator()
        self.height = max(height, self.height)
        return syntax.Call(position, name, tuple(arguments), False, distinct, tuple(order), separator)

    def takes_word_between(self, name: str) -> bool:
        """Skip a word that stands for a comma: `EXTRACT(unit FROM x)`, `SUBSTRING(x FROM start FOR length)`."""
        if name in ("substr", "substring", "mid"):
            return self.cursor.take_word("from") or self.cursor.take_word("for")
        return name == "extract" and self.cursor.take_word("from")

    def trim(self, position: int) -> syntax.Node:
        """Parse `TRIM([BOTH | LEADING | TRAILING] [removed] FROM x)` or `TRIM(x)`."""
        ends = self.cursor.token.text.lower() if self.cursor.token.kind == "word" else ""
        following = self.cursor.after(1)
        if ends in ("both", "leading", "trailing") and (following.kind, following.text) != ("operator", ")"):
            self.cursor.advance()
        else:
            ends = ""
        if ends and self.cursor.take_word("from"):
            return syntax.Call(position, "trim", (self.expression(1),), ends=ends)
        first = self.expression(1)
        height = self.height
        if ends and not self.cursor.at_word("from"):
            self.cursor.refuse(self.cursor.found(), f"FROM and a text after {ends.upper()}")
        if not self.cursor.take_word("from"):
            return syntax.Call(position, "trim", (first,))
        text = self.expression(1)
        self.height = max(height, self.height)
        return syntax.Call(position, "trim", (text, first), ends=ends or "both")

    def order(self) -> list[tuple[syntax.Node, bool]]:
        terms: list[tuple[syntax.Node, bool]] = []
        height = 0
        if self.cursor.take_word("order"):
            self.cursor.require_word("by")
            while True:
                term = self.expression(1)
                height = max(height, self.height)
                descending = self.cursor.take_word("desc") or (self.cursor.take_word("asc") and False)
                terms.append((term, descending))
                if not self.cursor.take(","):
                    break
        self.height = max(height, self.height)
        return terms

    def separator(self) -> str | None:
        if not self.cursor.take_word("separator"):
            return None
        if self.cursor.token.kind != "text":
            self.cursor.refuse(self.cursor.found(), "a text after SEPARATOR")
        return self.cursor.advance().text

    def convert(self, name: str, position: int) -> syntax.Node:
        operand = self.expression(1)
        word = "AS" if name == "cast" else ","
        if not (self.cursor.take_word("as") if name == "cast" else self.cursor.take(",")):
            self.cursor.refuse(self.cursor.found(), f"{word} and a type: {CAST_WORDS}")
        return syntax.Convert(position, operand, self.cast_type())

    def json_function(self, name: str, position: int) -> syntax.Node:
        operand = self.expression(1)
        self.cursor.require(",", "a comma and a path such as '$.key'")
        steps = self.path()
        target = self.cast_type() if name == "json_value" and self.cursor.take_word("returning") else None
        return syntax.Path(position, operand, steps, "scalar" if name == "json_value" else "json", target)

    def cast_type(self) -> syntax.CastType:
        position = self.cursor.token.position
        words: list[str] = []
        numbers: list[int] = []
        if self.cursor.token.kind == "word":
            words.append(self.cursor.advance().text.lower())
        if self.cursor.token.kind == "word" and self.cursor.token.text.lower() in ("integer", "precision"):
            words.append(self.cursor.advance().text.lower())
        if self.cursor.take("("):
            while (
                self.cursor.token.kind == "number"
                and self.cursor.token.text.isdigit()
                and len(self.cursor.token.text) < 10
            ):
                numbers.append(int(self.cursor.advance().text))
                if not self.cursor.take(","):
                    break
            self.cursor.require(")", "a number or )")
        if self.cursor.at_word("unsigned"):
            words.append(self.cursor.advance().text.lower())
        found = cast_type(" ".join(words), tuple(numbers))
        if found is None:
            self.cursor.refuse("this is not a type that a value can be converted to", CAST_WORDS, position)
        return found


def _negative(number: int | Decimal) -> int | Decimal:
    # The sign of a Decimal is changed without rounding it to the digits of a context.
    return number.copy_negate() if isinstance(number, Decimal) else -number

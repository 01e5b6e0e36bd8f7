"""The reference page of the expression language, written from the table of functions and the limits."""

from __future__ import annotations

import re

from levada_server.query.expression.functions import FUNCTIONS, MAX_ARGUMENTS, Function
from levada_server.query.expression.parser import MAX_ITEMS
from levada_server.query.expression.tokens import MAX_BYTES, MAX_DEPTH, MAX_TOKENS

_BEFORE = """\
# Expressions

Strings in restrictions and computed attributes are expressions:

| in | expression | must be |
|---|---|---|
| `A & '…'`, `A - '…'` | `weight > 20 AND sex = "F"` | a condition |
| `A.proj(x='…')` | `weight / 1000` | any value |
| `A.aggr(B, x='…')` | `avg(weight)` | aggregates, and attributes of `A` |

An expression is never passed on as SQL. It is parsed, every name is looked up in the heading, every value is bound,
and nothing beyond this page exists. An error points at its position. There are no subqueries: restrict by a query
instead.

No expression fails because of the data. A value that cannot be computed is NULL: a division by zero, a result past
the range of its type, a text that cannot be read as a number. So restrictions can be applied in any order.

## Values

| notation | meaning |
|---|---|
| `5`, `-2`, `1.5`, `1e-3` | a number |
| `'text'`, `"text"` | text; `''` within `'…'` is a quote, and `\\` escapes: `\\'`, `\\n`, `\\\\` |
| `TRUE`, `FALSE`, `NULL` | in any letter case |
| `weight`, `` `weight` `` | an attribute; use backticks if its name is a word of this language |
| `np.int64(5)`, `np.float64(1.5)`, `np.str_('a')` | the value in the brackets |
| `?` | the next of the values passed with the text |

**A value takes its type from its context.** Compared with a date, `'2020-01-31'` is a date; compared with a
`float32`, `0.1` is the nearest `float32`; compared with text, `5` is `'5'`; a number may be in quotes. A value that
the type cannot hold equals nothing, and `<` and `>` are still correct: an `int8` is `< 1000`, and a date before
`'2020-01-31 12:00:00'`. A value that cannot have the type at all, such as `'heavy'` beside a number, is an error.

## Operators

From weak to strong, as in MySQL:

| operators | note |
|---|---|
| `OR` | |
| `XOR` | one of the two holds, and not both; NULL if one is |
| `AND`, `&&` | |
| `NOT` | |
| `=` `==` `<>` `!=` `<` `<=` `>` `>=` `<=>`, `IS [NOT] NULL`, `IS [NOT] TRUE`, `IS [NOT] FALSE` | from left to right: \
`correct = choice = 1` is `(correct = choice) = 1` |
| `[NOT] IN (a, b, …)`, `[NOT] BETWEEN a AND b`, `[NOT] LIKE`, `[NOT] ILIKE`, `[NOT] REGEXP`, `[NOT] RLIKE` \
| also `IN (5,)` and `IN ()`, as Python \
prints tuples; `IN ?` takes a list |
| `+` `-` | |
| `*` `/` `%` `MOD` `DIV` | |
| the sign `-` | |
| `attr.key[0]`, `->`, `->>` | parts of JSON, below |

* A comparison is a value. As a number, true is 1 and false is 0: `sum(choice = "left")`, `flag + 1`. As a
  condition, a number holds unless it is 0.
* Comparisons with NULL are NULL, and NULL does not hold; but `a <=> b` is true if both are NULL, false if one is.
  `A - c` has every entity that `A & c` does not have, including those with NULL.
* Text compares exactly and orders by code point; `ILIKE` ignores case. In patterns `%` is any text and `_` any
  character, and `\\` escapes either. A date or number before `LIKE` is treated as text: `day LIKE '2020-%'`.
* `x REGEXP 'pattern'` holds if a part of the text matches a [regular expression of
  PostgreSQL](https://www.postgresql.org/docs/current/functions-matching.html#POSIX-SYNTAX-DETAILS). Case counts,
  unless the pattern begins with `(?i)`; `\\b` is the edge of a word. A pattern in the text that is not valid is an
  error; from one in an attribute the result is NULL.
* Enums compare as text. NaN equals NaN and is greater than every other number.
* `/` is true division and yields a float64; `a DIV b` is the quotient without its fraction, an int64. Whole numbers
  stay whole under `+ - * %` and yield an int64, NULL past its range; a uint64 counts as a decimal there. A decimal
  combined with whole numbers and decimals yields a decimal of at most 38 digits, NULL past them. A number with a
  point is a float, but a decimal beside a decimal. Floats that overflow are NULL. `%` has the sign of its left side.
* `x + INTERVAL 1 DAY`, `x - INTERVAL n MONTH` move a date, time, duration, datetime or timestamptz. Units:
  microsecond, second, minute, hour, day, week, month, quarter, year; an amount other than of seconds is rounded. NULL
  past the years 1 and 9999. A datetime and a timestamptz are compared in UTC. A function of a date or time reads a
  text as one; NULL if it cannot.

## CASE and CAST

```sql
CASE WHEN a > 1 THEN 'high' WHEN a > 0 THEN 'low' ELSE 'none' END
CASE a WHEN 1 THEN 'one' ELSE 'many' END
CAST(a AS signed)
```

`CAST` converts to `signed`, `unsigned`, `int`, `float`, `decimal(p,s)`, `char`, `char(n)`, `bool`, `date`, `time`,
`datetime`, `duration`, `uuid`, or any other name of these types in a definition. A value that cannot be read as the
type, or is past its range, becomes NULL.

## JSON

| expression | result |
|---|---|
| `car.length`, `car.wheels[0].size` | the part as text; NULL if it is missing or JSON's null |
| `car.length:float`, `car.length:decimal(4, 1)`, `car.checked:unsigned` | the part as a type of CAST |
| `json_value(car, '$.length' RETURNING float)` | the same |
| `car->>'$.length'` | the part as text; JSON's null is the text `null` |
| `car->'$.wheels'`, `json_extract(car, '$.wheels')` | the part as JSON |
| `flags LIKE '%"word"%'` | whether a list of texts has `word`; `find_in_set` takes text with commas, and refuses JSON |

A part becomes a number, bool or date if its context needs one: `car.length > 20`, `car.checked = TRUE`,
`car.length * 2`.

## Functions

Names may be in any letter case.

"""

_AFTER = f"""
## Limits

| | at most |
|---|---|
| text | {MAX_BYTES:,} bytes, {MAX_TOKENS:,} words and signs |
| nesting | {MAX_DEPTH} levels of brackets, functions and operators; a chain of `AND`, or of `OR`, is one level |
| `IN (…)` | {MAX_ITEMS:,} items |
| arguments of a function | {MAX_ARGUMENTS} |
"""


def reference_page() -> str:
    """Write the page, in Markdown."""
    table = dict.fromkeys(FUNCTIONS.values())
    plain = [entry for entry in table if not entry.aggregate]
    aggregate = [entry for entry in table if entry.aggregate]
    return "".join(
        (
            _BEFORE,
            _rows("function", plain),
            "\n## Aggregate functions\n\nIn `aggr` only. Rows in which `x` is NULL are ignored; if no other row is"
            " left, the result is NULL, or 0 for `count`.\n\n",
            _rows("function", aggregate),
            _AFTER,
        )
    )


def _rows(title: str, entries: list[Function]) -> str:
    lines = [f"| {title} | result |", "|---|---|"]
    for entry in entries:
        words = re.findall(r"\w+", entry.usage)
        others = ", ".join(f"`{name}`" for name in entry.names[1:] if name not in words)
        also = f" Also {others}." if others else ""
        lines.append(f"| `{entry.usage}` | {entry.meaning}{also} |")
    return "\n".join(lines) + "\n"

"""The functions of the expression language: one table, used to type calls and to write the reference."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from levada_server.model.kinds import Family
from levada_server.query.expression import (
    aggregates,
    choosing,
    date_functions,
    numeric_functions,
    syntax,
    text_functions,
)
from levada_server.query.expression.calls import passed_on
from levada_server.query.expression.operands import Extent, Operand, Site

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_ARGUMENTS = 100

_TEXT, _WHOLE, _FLOAT, _MOMENT = Family.TEXT, Family.INTEGER, Family.FLOAT, Family.MOMENT


@dataclass(frozen=True, slots=True)
class Function:
    """One function.

    Args:
        names: Its names, the usual one first.
        usage: Its arguments, for the reference.
        meaning: Its result, for the reference.
        least: Least number of arguments.
        most: Greatest number of arguments.
        apply: Types a call of it.
        aggregate: It works on the rows of a group.
    """

    names: tuple[str, ...]
    usage: str
    meaning: str
    least: int
    most: int
    apply: Callable[[Site, syntax.Call], Operand]
    aggregate: bool = False


ELSEWHERE = {
    "average": ["avg"],
    "len": ["length"],
    "mean": ["avg"],
    "median": ["avg"],
    "nunique": ["count(DISTINCT x)"],
    "sd": ["std"],
    "size": ["count", "length"],
    "stdev": ["std"],
    "string_agg": ["group_concat"],
    "to_date": ["str_to_date"],
}
"""The functions here that do what other languages call by another name."""
COMMON = ["abs", "round", "concat", "length", "if", "date", "count", "sum", "avg", "min", "max", "another function"]
"""The functions that are named where none is close; the reference of expressions has all."""


def call_function(site: Site, call: syntax.Call) -> Operand:
    """Type a call.

    Raises:
        InvalidExpression: There is no such function, or it does not take these arguments.
    """
    found = FUNCTIONS.get(call.name)
    if found is None:
        close = ELSEWHERE.get(call.name) or difflib.get_close_matches(call.name, FUNCTIONS) or COMMON
        raise site.refusal(call.position, f"there is no function `{call.name}`", " or ".join(close))
    count = len(call.arguments)
    if call.star:
        if call.name != "count":
            raise site.refusal(call.position, f"`{call.name}(*)` means nothing", found.usage)
    elif not found.least <= count <= found.most:
        raise site.refusal(call.position, f"`{call.name}` cannot take {count} arguments", found.usage)
    if call.distinct and not found.aggregate:
        raise site.refusal(call.position, f"DISTINCT is only for aggregate functions, and `{call.name}` is not one")
    return found.apply(site, call)


_TABLE = (
    Function(("abs",), "abs(x)", "The absolute value.", 1, 1, numeric_functions.absolute),
    Function(
        ("round",),
        "round(x[, digits])",
        "`x` rounded to `digits` digits after the point, or before it if negative; 0 by default. A whole number or "
        "decimal rounds a half away from zero, a float to even. `digits` must be a constant.",
        1,
        2,
        numeric_functions.rounded,
    ),
    Function(
        ("truncate",),
        "truncate(x, digits)",
        "`x` cut off after `digits` digits, as for round.",
        2,
        2,
        numeric_functions.truncated,
    ),
    Function(("sign",), "sign(x)", "-1, 0 or 1.", 1, 1, passed_on("sign", (_FLOAT,), _WHOLE, Extent(1, 1))),
    Function(("mod",), "mod(x, y)", "The same as `x % y`.", 2, 2, numeric_functions.remainder),
    Function(
        ("floor",),
        "floor(x)",
        "The largest whole number not above `x`, a float for a float.",
        1,
        1,
        numeric_functions.floor,
    ),
    Function(
        ("ceil", "ceiling"),
        "ceil(x)",
        "The smallest whole number not below `x`, a float for a float.",
        1,
        1,
        numeric_functions.ceil,
    ),
    Function(
        ("power", "pow"),
        "power(x, y)",
        "`x` to the power `y`; NULL if that is not a real number.",
        2,
        2,
        numeric_functions.of_floats("power"),
    ),
    Function(("sqrt",), "sqrt(x)", "The square root; NULL below 0.", 1, 1, numeric_functions.of_floats("sqrt")),
    Function(("exp",), "exp(x)", "e to the power `x`.", 1, 1, numeric_functions.of_floats("exp")),
    Function(("ln",), "ln(x)", "The natural logarithm; NULL unless `x` > 0.", 1, 1, numeric_functions.of_floats("ln")),
    Function(
        ("log10",),
        "log10(x)",
        "The logarithm to base 10; NULL unless `x` > 0.",
        1,
        1,
        numeric_functions.of_floats("log10"),
    ),
    Function(
        ("log",),
        "log([b, ]x)",
        "The logarithm to base `b`, or the natural one; NULL unless `x` and `b` are > 0, and `b` is not 1.",
        1,
        2,
        numeric_functions.of_floats("log"),
    ),
    Function(
        ("log2",), "log2(x)", "The logarithm to base 2; NULL unless `x` > 0.", 1, 1, numeric_functions.of_floats("log2")
    ),
    Function(("pi",), "pi()", "The circle number.", 0, 0, numeric_functions.pi),
    Function(("sin",), "sin(x)", "The sine of `x` in radians.", 1, 1, numeric_functions.of_floats("sin")),
    Function(("cos",), "cos(x)", "The cosine of `x` in radians.", 1, 1, numeric_functions.of_floats("cos")),
    Function(("tan",), "tan(x)", "The tangent of `x` in radians.", 1, 1, numeric_functions.of_floats("tan")),
    Function(
        ("asin",),
        "asin(x)",
        "The angle in radians whose sine is `x`; NULL past -1 and 1.",
        1,
        1,
        numeric_functions.of_floats("asin"),
    ),
    Function(
        ("acos",),
        "acos(x)",
        "The angle in radians whose cosine is `x`; NULL past -1 and 1.",
        1,
        1,
        numeric_functions.of_floats("acos"),
    ),
    Function(
        ("atan", "atan2"),
        "atan(y[, x])",
        "The angle in radians whose tangent is `y`; with `x`, of the point (x, y).",
        1,
        2,
        numeric_functions.of_floats("atan"),
    ),
    Function(("degrees",), "degrees(x)", "Radians as degrees.", 1, 1, numeric_functions.of_floats("degrees")),
    Function(("radians",), "radians(x)", "Degrees as radians.", 1, 1, numeric_functions.of_floats("radians")),
    Function(
        ("rand",),
        "rand()",
        "A random number from 0 to below 1, drawn anew for each row; it takes no seed.",
        0,
        0,
        numeric_functions.random,
    ),
    Function(
        ("greatest",),
        "greatest(a, b, …)",
        "The largest; NULL if one is NULL.",
        2,
        MAX_ARGUMENTS,
        choosing.greatest,
    ),
    Function(("least",), "least(a, b, …)", "The smallest; NULL if one is NULL.", 2, MAX_ARGUMENTS, choosing.least),
    Function(
        ("coalesce", "ifnull"), "coalesce(a, b, …)", "The first that is not NULL.", 1, MAX_ARGUMENTS, choosing.coalesce
    ),
    Function(("nullif",), "nullif(a, b)", "NULL if `a = b`, else `a`.", 2, 2, choosing.nullif),
    Function(("if",), "if(condition, a, b)", "`a` if the condition holds, otherwise `b`.", 3, 3, choosing.either),
    Function(("isnull",), "isnull(x)", "Whether `x` is NULL.", 1, 1, choosing.is_null),
    Function(
        ("field",),
        "field(x, a, b, …)",
        "The place of `x` among the others, from 1; 0 if it is not there, or NULL.",
        2,
        MAX_ARGUMENTS,
        choosing.place,
    ),
    Function(
        ("elt",),
        "elt(n, a, b, …)",
        "The text with number `n` among the others, from 1; NULL if there is none.",
        2,
        MAX_ARGUMENTS,
        choosing.item,
    ),
    Function(
        ("concat",),
        "concat(a, b, …)",
        "The texts joined, to at most 16 MB (2^24 bytes); NULL if one is NULL.",
        1,
        MAX_ARGUMENTS,
        text_functions.joined,
    ),
    Function(
        ("concat_ws",),
        "concat_ws(separator, a, b, …)",
        "The texts that are not NULL, with the separator between them, as long as `concat` allows; NULL if that is.",
        2,
        MAX_ARGUMENTS,
        text_functions.joined_with,
    ),
    Function(("lower", "lcase"), "lower(x)", "The text in lower case.", 1, 1, text_functions.lower),
    Function(("upper", "ucase"), "upper(x)", "The text in upper case.", 1, 1, text_functions.upper),
    Function(("length",), "length(x)", "The number of characters of a text, or of bytes.", 1, 1, text_functions.length),
    Function(
        ("char_length", "character_length"),
        "char_length(x)",
        "The number of characters of a text.",
        1,
        1,
        passed_on("char_length", (_TEXT,), _WHOLE, Extent(1, 2**31)),
    ),
    Function(
        ("octet_length",),
        "octet_length(x)",
        "The number of bytes of a text, in UTF-8.",
        1,
        1,
        passed_on("octet_length", (_TEXT,), _WHOLE, Extent(1, 2**31)),
    ),
    Function(
        ("left",),
        "left(x, n)",
        "The first `n` characters.",
        2,
        2,
        passed_on("first_characters", (_TEXT, _WHOLE), _TEXT),
    ),
    Function(
        ("right",),
        "right(x, n)",
        "The last `n` characters.",
        2,
        2,
        passed_on("last_characters", (_TEXT, _WHOLE), _TEXT),
    ),
    Function(
        ("substr", "substring", "mid"),
        "substr(x, start[, length])",
        "A part of a text from character `start`, counted from 1, or from the end if negative.",
        2,
        3,
        text_functions.part,
    ),
    Function(
        ("replace",),
        "replace(x, old, new)",
        "The text with each `old` replaced, as long as `concat` allows.",
        3,
        3,
        text_functions.replaced,
    ),
    Function(
        ("lpad",),
        "lpad(x, n, fill)",
        "The text with `fill` repeated before it up to `n` characters, or cut to them; NULL if `n` is negative or past "
        "a million, or if `fill` is empty and needed.",
        3,
        3,
        passed_on("padded_left", (_TEXT, _WHOLE, _TEXT), _TEXT),
    ),
    Function(
        ("rpad",),
        "rpad(x, n, fill)",
        "The same with `fill` after it.",
        3,
        3,
        passed_on("padded_right", (_TEXT, _WHOLE, _TEXT), _TEXT),
    ),
    Function(
        ("trim",),
        "trim([[BOTH \\| LEADING \\| TRAILING] [removed] FROM] x)",
        "The text without the spaces, or the text `removed` as often as it is there, at its ends.",
        1,
        2,
        text_functions.trimmed,
    ),
    Function(("ltrim",), "ltrim(x)", "The text without the spaces at its beginning.", 1, 1, text_functions.trimmed),
    Function(("rtrim",), "rtrim(x)", "The text without the spaces at its end.", 1, 1, text_functions.trimmed),
    Function(
        ("repeat",),
        "repeat(x, n)",
        "The text `n` times; NULL past a million characters.",
        2,
        2,
        passed_on("repeated", (_TEXT, _WHOLE), _TEXT),
    ),
    Function(("space",), "space(n)", "A text of `n` spaces.", 1, 1, text_functions.spaces),
    Function(
        ("reverse",),
        "reverse(x)",
        "The characters in the opposite order.",
        1,
        1,
        passed_on("reversed", (_TEXT,), _TEXT),
    ),
    Function(
        ("instr",),
        "instr(x, part)",
        "The place at which `part` begins in the text, from 1; 0 if it is not there.",
        2,
        2,
        text_functions.position_in,
    ),
    Function(
        ("locate",),
        "locate(part, x[, start])",
        "The same, from character `start` on.",
        2,
        3,
        text_functions.position_in,
    ),
    Function(
        ("substring_index",),
        "substring_index(x, separator, n)",
        "The text before separator number `n`, or after number `-n` from the end; all of it if there are fewer.",
        3,
        3,
        passed_on("before_separator", (_TEXT, _TEXT, _WHOLE), _TEXT, splits=True),
    ),
    Function(
        ("find_in_set",),
        "find_in_set(x, list)",
        "The place of `x`, from 1, in a text of parts with commas between them; 0 if it is not there.",
        2,
        2,
        passed_on("place_in_list", (_TEXT, _TEXT), _WHOLE, Extent(1, 2**31), splits=True),
    ),
    Function(
        ("strcmp",),
        "strcmp(a, b)",
        "-1, 0 or 1 as the text `a` is before, equal to or after `b`.",
        2,
        2,
        passed_on("text_order", (_TEXT, _TEXT), _WHOLE, Extent(1, 1)),
    ),
    Function(
        ("date",), "date(x)", "The day of a datetime or of a text; NULL if it is not a date.", 1, 1, date_functions.date
    ),
    Function(("time",), "time(x)", "The time of day of a datetime; of a text a duration.", 1, 1, date_functions.time),
    Function(
        ("timestamp",),
        "timestamp(x[, time])",
        "A day or text as a datetime, `time` later.",
        1,
        2,
        date_functions.timestamp,
    ),
    Function(
        ("now", "current_timestamp", "utc_timestamp", "localtime", "localtimestamp", "sysdate"),
        "now(), current_timestamp",
        "The datetime at which the transaction began, in UTC.",
        0,
        0,
        date_functions.now,
    ),
    Function(
        ("curdate", "current_date", "utc_date"),
        "curdate(), current_date",
        "The day of `now()`.",
        0,
        0,
        date_functions.today,
    ),
    Function(
        ("curtime", "current_time", "utc_time"),
        "curtime()",
        "The time of day of `now()`.",
        0,
        0,
        date_functions.time_now,
    ),
    Function(("year",), "year(x)", "The year of a day.", 1, 1, date_functions.calendar("year")),
    Function(("quarter",), "quarter(x)", "The quarter, 1 to 4.", 1, 1, date_functions.calendar("quarter")),
    Function(("month",), "month(x)", "The month, 1 to 12.", 1, 1, date_functions.calendar("month")),
    Function(("day", "dayofmonth"), "day(x)", "The day of the month, 1 to 31.", 1, 1, date_functions.calendar("day")),
    Function(
        ("dayofyear",), "dayofyear(x)", "The day of the year, 1 to 366.", 1, 1, date_functions.calendar("day_of_year")
    ),
    Function(
        ("weekday",), "weekday(x)", "The day of the week, 0 for Monday to 6.", 1, 1, date_functions.calendar("weekday")
    ),
    Function(
        ("dayofweek",),
        "dayofweek(x)",
        "The day of the week, 1 for Sunday to 7.",
        1,
        1,
        date_functions.calendar("day_of_week"),
    ),
    Function(
        ("week",),
        "week(x[, mode])",
        "The number of the week, by a constant mode of MySQL, 0 to 7; 0 counts from the first Sunday of the year.",
        1,
        2,
        date_functions.week,
    ),
    Function(
        ("weekofyear",),
        "weekofyear(x)",
        "The number of the week in ISO 8601, 1 to 53.",
        1,
        1,
        date_functions.week_of_year,
    ),
    Function(
        ("dayname",), "dayname(x)", "The English name of the day of the week.", 1, 1, date_functions.name_of("FMDay")
    ),
    Function(("monthname",), "monthname(x)", "The English name of the month.", 1, 1, date_functions.name_of("FMMonth")),
    Function(("last_day",), "last_day(x)", "The last day of the month.", 1, 1, date_functions.last_day),
    Function(
        ("to_days",),
        "to_days(x)",
        "The number of days since the year 0.",
        1,
        1,
        date_functions.calendar("days_since_year_0"),
    ),
    Function(
        ("hour",),
        "hour(x)",
        "The hour of a datetime or time; of a span of time it may be more than 23.",
        1,
        1,
        date_functions.clock("hour"),
    ),
    Function(("minute",), "minute(x)", "The minute, 0 to 59.", 1, 1, date_functions.clock("minute")),
    Function(("second",), "second(x)", "The second, 0 to 59.", 1, 1, date_functions.clock("second")),
    Function(
        ("microsecond",), "microsecond(x)", "The microsecond, 0 to 999999.", 1, 1, date_functions.clock("microsecond")
    ),
    Function(
        ("extract",),
        "extract(unit FROM x)",
        "One of the parts year, quarter, month, week, day, hour, minute, second or microsecond.",
        2,
        2,
        date_functions.extracted,
    ),
    Function(
        ("date_add", "adddate"),
        "date_add(x, INTERVAL n unit), adddate(x, n)",
        "The same as `x + INTERVAL n unit`, or `n` days later.",
        2,
        2,
        date_functions.later,
    ),
    Function(
        ("date_sub", "subdate"),
        "date_sub(x, INTERVAL n unit), subdate(x, n)",
        "The same as `x - INTERVAL n unit`, or `n` days earlier.",
        2,
        2,
        date_functions.earlier,
    ),
    Function(
        ("timestampadd",),
        "timestampadd(unit, n, x)",
        "The same as `x + INTERVAL n unit`.",
        3,
        3,
        date_functions.units_later,
    ),
    Function(
        ("addtime",),
        "addtime(x, time)",
        "A datetime or time, and a span of time later; of a time or duration a duration.",
        2,
        2,
        date_functions.time_later,
    ),
    Function(
        ("subtime",),
        "subtime(x, time)",
        "The same, a span of time earlier.",
        2,
        2,
        date_functions.time_earlier,
    ),
    Function(
        ("datediff",),
        "datediff(end, start)",
        "The number of days from the day of `start` to the day of `end`.",
        2,
        2,
        date_functions.days_between,
    ),
    Function(
        ("timediff",),
        "timediff(end, start)",
        "The span of time between two datetimes, times or durations: a duration, which compares with text such as "
        "`'-00:10:00'` or `'838:59:59'`.",
        2,
        2,
        date_functions.time_difference_of,
    ),
    Function(
        ("timestampdiff",),
        "timestampdiff(unit, start, end)",
        "Whole microseconds, seconds, minutes, hours, days, weeks, months, quarters or years (`unit` in the singular) "
        "from `start` to `end`, rounded toward 0.",
        3,
        3,
        date_functions.units_between,
    ),
    Function(
        ("time_to_sec",), "time_to_sec(x)", "A span of time in whole seconds.", 1, 1, date_functions.seconds_of_time
    ),
    Function(
        ("sec_to_time",),
        "sec_to_time(n)",
        "A duration of `n` seconds; NULL past the longest.",
        1,
        1,
        date_functions.time_of_seconds,
    ),
    Function(
        ("unix_timestamp",),
        "unix_timestamp([x])",
        "The seconds from 1970 to `x`, or to now, in UTC: a float, but whole for a date; NULL before.",
        0,
        1,
        date_functions.seconds_since_1970,
    ),
    Function(
        ("from_unixtime",),
        "from_unixtime(n[, format])",
        "The datetime `n` seconds after 1970 began, in UTC; NULL before.",
        1,
        2,
        date_functions.moment_of_seconds,
    ),
    Function(
        ("date_format",),
        "date_format(x, format)",
        "A day or datetime as text, by a constant format: `%Y-%m-%d %H:%i:%s`, and MySQL's other specifiers.",
        2,
        2,
        date_functions.formatted,
    ),
    Function(
        ("str_to_date",),
        "str_to_date(x, format)",
        "The opposite: a date, a time or a datetime, by the parts in `format`; NULL for other texts.",
        2,
        2,
        date_functions.read,
    ),
    Function(
        ("count",),
        "count(*), count([DISTINCT] x), count(DISTINCT x, y, …)",
        "The number of rows, of rows where `x` is not NULL, or of different values without a NULL.",
        1,
        MAX_ARGUMENTS,
        aggregates.count,
        aggregate=True,
    ),
    Function(
        ("sum",),
        "sum([DISTINCT] x)",
        "The sum; for a comparison, how often it holds. Whole numbers give an int64, durations a duration; NULL past "
        "its range.",
        1,
        1,
        aggregates.total,
        aggregate=True,
    ),
    Function(
        ("avg",),
        "avg([DISTINCT] x)",
        "The mean, a float64; of durations a duration.",
        1,
        1,
        aggregates.mean,
        aggregate=True,
    ),
    Function(("min",), "min(x)", "The smallest value of any ordered type.", 1, 1, aggregates.smallest, aggregate=True),
    Function(("max",), "max(x)", "The largest value of any ordered type.", 1, 1, aggregates.largest, aggregate=True),
    Function(
        ("std", "stddev", "stddev_pop"),
        "std(x)",
        "The standard deviation of the population (divided by n).",
        1,
        1,
        aggregates.deviation,
        aggregate=True,
    ),
    Function(
        ("variance", "var_pop"),
        "variance(x)",
        "The variance of the population (divided by n).",
        1,
        1,
        aggregates.variance,
        aggregate=True,
    ),
    Function(
        ("stddev_samp",),
        "stddev_samp(x)",
        "The standard deviation of a sample (divided by n - 1).",
        1,
        1,
        aggregates.sample_deviation,
        aggregate=True,
    ),
    Function(
        ("var_samp",),
        "var_samp(x)",
        "The variance of a sample (divided by n - 1).",
        1,
        1,
        aggregates.sample_variance,
        aggregate=True,
    ),
    Function(
        ("any_value",), "any_value(x)", "One of the values: the smallest.", 1, 1, aggregates.smallest, aggregate=True
    ),
    Function(
        ("group_concat",),
        "group_concat([DISTINCT] x, … [ORDER BY y [DESC], …] [SEPARATOR ','])",
        "The values as text, joined.",
        1,
        MAX_ARGUMENTS,
        aggregates.joined,
        aggregate=True,
    ),
    Function(
        ("bit_and",), "bit_and(x)", "The bitwise AND of whole numbers.", 1, 1, aggregates.all_bits, aggregate=True
    ),
    Function(("bit_or",), "bit_or(x)", "The bitwise OR of whole numbers.", 1, 1, aggregates.any_bits, aggregate=True),
    Function(
        ("bit_xor",), "bit_xor(x)", "The bitwise XOR of whole numbers.", 1, 1, aggregates.odd_bits, aggregate=True
    ),
)

FUNCTIONS = {name: entry for entry in _TABLE for name in entry.names}
"""Every function by each of its names."""

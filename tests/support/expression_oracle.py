"""The meaning of the functions and operators of the expression language, in plain Python. None is NULL."""

from __future__ import annotations

import calendar
import datetime as dt
import math
import re
from collections.abc import Callable, Iterable, Mapping
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal, localcontext
from typing import Any, TypeAlias

# The values of a row depend on the example; PostgreSQL's answer shows whether a function got the right one.
Value: TypeAlias = Any
Row = Mapping[str, Value]
Evaluate = Callable[[Row], Value]

LARGEST_INTEGER = 2**63 - 1


def strict(function: Callable[..., Value]) -> Callable[..., Value]:
    """Make a function return NULL if an argument is NULL."""

    def applied(*arguments: Value) -> Value:
        return None if any(argument is None for argument in arguments) else function(*arguments)

    return applied


# -------------------------------------------------------------------------------------------------- numbers


def whole(number: int) -> int | None:
    return number if -(2**63) <= number <= LARGEST_INTEGER else None


def exact(number: Decimal, scale: int) -> Decimal | None:
    with localcontext() as context:
        context.prec = 200
        rounded = number.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP)
    return rounded if abs(rounded) < Decimal(10) ** (38 - scale) else None


def finite(result: float, *operands: float) -> float | None:
    """Make a result past the largest double NULL, unless an operand was infinite."""
    return None if math.isinf(result) and not any(map(math.isinf, operands)) else result


def scale(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)
    return -exponent


@strict
def calculate(operator: str, a: Value, b: Value) -> Value:
    if operator == "/" or isinstance(a, float) or isinstance(b, float):
        a, b = float(a), float(b)
    if isinstance(a, float):
        return _calculate_floats(operator, a, b)
    if isinstance(a, Decimal) or isinstance(b, Decimal):
        return _calculate_decimals(operator, Decimal(a), Decimal(b))
    match operator:
        case "+":
            return whole(a + b)
        case "-":
            return whole(a - b)
        case "*":
            return whole(a * b)
        case "DIV":
            return None if b == 0 else whole(abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1))
        case _:
            return None if b == 0 else int(math.copysign(1, a)) * (abs(a) % abs(b))


def _calculate_floats(operator: str, a: float, b: float) -> float | int | None:
    match operator:
        case "+":
            return finite(a + b, a, b)
        case "-":
            return finite(a - b, a, b)
        case "*":
            return finite(a * b, a, b)
        case "/":
            return None if b == 0 else finite(a / b, a, b)
        case _ if b == 0:
            return None
        case "DIV":
            ratio = None if math.isnan(a) or math.isnan(b) else finite(a / b, a, b)
            return whole(math.trunc(ratio)) if ratio is not None and math.isfinite(ratio) else None
        case _:
            return math.nan if math.isinf(a) or math.isnan(a) or math.isnan(b) else math.fmod(a, b)


def _calculate_decimals(operator: str, a: Decimal, b: Decimal) -> Decimal | int | None:
    digits = max(scale(a), scale(b))
    with localcontext() as context:
        context.prec = 200
        match operator:
            case "+":
                return exact(a + b, digits)
            case "-":
                return exact(a - b, digits)
            case "*":
                return exact(a * b, min(scale(a) + scale(b), max(digits, 18)))
            case "DIV":
                return None if b == 0 else whole(math.trunc(a / b))
            case _:
                return None if b == 0 else exact(a % b, digits)


@strict
def absolute(x: Value) -> Value:
    return whole(abs(x)) if isinstance(x, int) else abs(x)


@strict
def rounded(x: Value, digits: int) -> Value:
    if isinstance(x, float):
        if not math.isfinite(x):
            return x
        unit = float(f"1e{abs(digits)}")
        if digits >= 0:
            return x if abs(x) >= 2**52 / unit else round(x * unit) / unit
        return 0.0 if abs(x) < unit / 4 else finite(float(round(x / unit)) * unit)
    if isinstance(x, int):
        return x if digits >= 0 else whole(int(exact_round(Decimal(x), digits)))
    return x if digits >= scale(x) else exact(exact_round(x, digits), max(digits, 0))


@strict
def truncated(x: Value, digits: int) -> Value:
    if isinstance(x, float):
        if not math.isfinite(x):
            return x
        unit = float(f"1e{abs(digits)}")
        if digits >= 0:
            return x if abs(x) >= 2**52 / unit else math.trunc(x * unit) / unit
        return finite(float(math.trunc(x / unit)) * unit)
    if digits >= (scale(x) if isinstance(x, Decimal) else 0):
        return x
    with localcontext() as context:
        context.prec = 200
        cut = Decimal(x).scaleb(digits).to_integral_value(ROUND_DOWN).scaleb(-digits)
    return exact(cut, max(digits, 0)) if isinstance(x, Decimal) else whole(int(cut))


@strict
def sign(x: Value) -> int:
    return 1 if x > 0 or x != x else -1 if x < 0 else 0


def exact_round(x: Decimal, digits: int) -> Decimal:
    with localcontext() as context:
        context.prec = 200
        return (x.scaleb(digits).quantize(Decimal(1), ROUND_HALF_UP)).scaleb(-digits)


@strict
def floor(x: Value) -> Value:
    return _to_whole(x, math.floor)


@strict
def ceil(x: Value) -> Value:
    return _to_whole(x, math.ceil)


def _to_whole(x: Value, function: Callable[[Value], int]) -> Value:
    if isinstance(x, float):
        return float(function(x)) if math.isfinite(x) else x
    return exact(Decimal(function(x)), 0) if isinstance(x, Decimal) else x


@strict
def power(x: float, y: float) -> float | None:
    x, y = float(x), float(y)
    if x == 0 and y < 0:
        return None
    try:
        return finite(math.pow(x, y), x, y)
    except ValueError:
        return None
    except OverflowError:
        return None


@strict
def of_float(function: Callable[[float], float], x: float) -> float | None:
    """Apply sqrt, ln, exp or log10; NULL outside of its domain."""
    try:
        return function(float(x))
    except (ValueError, OverflowError):
        return None


# ---------------------------------------------------------------------------------------------- comparisons


def order(x: Value) -> Value:
    """Return a key under which values compare: NaN equals itself and is the greatest number."""
    if isinstance(x, (bool, int, float, Decimal)):
        return (1, 0) if x != x else (0, x)
    return x


@strict
def compare(operator: str, a: Value, b: Value) -> bool:
    if isinstance(a, float) or isinstance(b, float):
        a, b = float(a), float(b)
    left, right = order(a), order(b)
    if operator == "=":
        return bool(left == right)
    if operator in ("<>", "!="):
        return bool(left != right)
    below = left < right
    equal = left == right
    return bool({"<": below, "<=": below or equal, ">": not below and not equal, ">=": not below}[operator])


def conjunction(terms: Iterable[bool | None]) -> bool | None:
    found = list(terms)
    return False if False in found else None if None in found else True


def disjunction(terms: Iterable[bool | None]) -> bool | None:
    found = list(terms)
    return True if True in found else None if None in found else False


@strict
def negation(x: bool) -> bool:
    return not x


def same(a: Value, b: Value) -> bool:
    return a is b is None or compare("=", a, b) is True


@strict
def different(x: bool, y: bool) -> bool:
    return x is not y


def among(x: Value, items: Iterable[Value]) -> bool | None:
    return disjunction(compare("=", x, item) for item in items)


@strict
def like(text: str, pattern: str) -> bool:
    wanted = ""
    characters = iter(pattern)
    for character in characters:
        if character == "\\":
            wanted += re.escape(next(characters, "\\"))
        else:
            wanted += {"%": ".*", "_": "."}.get(character, re.escape(character))
    return re.fullmatch(wanted, text, re.DOTALL) is not None


def truth(x: Value) -> bool | None:
    return None if x is None else x != 0


def extreme(function: Callable[..., Value], *values: Value) -> Value:
    return None if None in values else function(values, key=order)


# ----------------------------------------------------------------------------------------------------- text


@strict
def part(text: str, start: int, length: int) -> str:
    if length < 1 or start == 0 or abs(start) > len(text):
        return ""
    first = start - 1 if start > 0 else len(text) + start
    return text[first : first + length]


@strict
def first(text: str, many: int) -> str:
    return text[: max(many, 0)]


@strict
def last(text: str, many: int) -> str:
    return text[max(len(text) - max(many, 0), 0) :]


@strict
def padded(text: str, many: int, fill: str, before: bool) -> str | None:
    missing = many - len(text)
    if many < 0 or many > 1_000_000 or (missing > 0 and not fill):
        return None
    added = (fill * (missing // len(fill) + 1))[:missing] if missing > 0 else ""
    return added + text if before and missing > 0 else (text + added)[:many]


@strict
def repeated(text: str, many: int) -> str | None:
    if many < 1 or not text:
        return ""
    return text * many if len(text) * many <= 1_000_000 else None


def joined(separator: str | None, *texts: str | None) -> str | None:
    return None if separator is None else separator.join(text for text in texts if text is not None)


@strict
def trimmed(text: str, removed: str, ends: str) -> str:
    while removed and ends != "trailing" and text.startswith(removed):
        text = text.removeprefix(removed)
    while removed and ends != "leading" and text.endswith(removed):
        text = text.removesuffix(removed)
    return text


@strict
def place(text: str, part: str, start: int) -> int:
    return text.find(part, start - 1) + 1 if 1 <= start <= len(text) + 1 else 0


@strict
def before_separator(text: str, separator: str, number: int) -> str:
    if not separator or number == 0:
        return ""
    parts = text.split(separator)
    return separator.join(parts[:number] if number > 0 else parts[max(len(parts) + number, 0) :])


@strict
def place_in_list(text: str, listed: str) -> int:
    parts = listed.split(",") if listed else []
    return parts.index(text) + 1 if text in parts else 0


def place_among(x: Value, *items: Value) -> int:
    return next((number for number, item in enumerate(items, 1) if compare("=", x, item)), 0)


def chosen(number: int | None, *items: Value) -> Value:
    return items[number - 1] if number is not None and 1 <= number <= len(items) else None


@strict
def to_number(text: str) -> Decimal | None:
    if text.lower() in ("true", "false"):
        return Decimal(text.lower() == "true")
    if not re.fullmatch(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d{1,3})?\s*", text, re.ASCII):
        return None
    return Decimal(text.strip())


@strict
def to_integer(x: Value) -> int | None:
    if isinstance(x, float):
        return whole(round(x)) if math.isfinite(x) else None
    return whole(int(x.quantize(Decimal(1), ROUND_HALF_UP))) if abs(x) < 10**20 else None


# -------------------------------------------------------------------------------------------------- moments

SPANS = {
    "microsecond": dt.timedelta(microseconds=1),
    "second": dt.timedelta(seconds=1),
    "minute": dt.timedelta(minutes=1),
    "hour": dt.timedelta(hours=1),
    "day": dt.timedelta(days=1),
    "week": dt.timedelta(weeks=1),
}
MONTHS = {"month": 1, "quarter": 3, "year": 12}


@strict
def shifted(moment: Value, amount: int, unit: str) -> Value:
    """Move a date or datetime; NULL past the years 1 to 9999."""
    by_days = unit in MONTHS or unit in ("day", "week")
    whole_day = not isinstance(moment, dt.datetime)
    start = dt.datetime.combine(moment, dt.time()) if whole_day else moment
    try:
        result = add_months(start, amount * MONTHS[unit]) if unit in MONTHS else start + amount * SPANS[unit]
    except (OverflowError, ValueError):
        return None
    return result.date() if whole_day and by_days else result


def add_months(moment: dt.datetime, months: int) -> dt.datetime:
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    last = (dt.date(year + (month == 11), (month + 1) % 12 + 1, 1) - dt.timedelta(days=1)).day if year < 9999 else 31
    if year == 9999:
        last = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[month]
    return moment.replace(year=year, month=month + 1, day=min(moment.day, last))


@strict
def difference(unit: str, start: Value, end: Value) -> int:
    """Count whole units between two moments, rounded toward 0."""
    first, second = (x if isinstance(x, dt.datetime) else dt.datetime.combine(x, dt.time()) for x in (start, end))
    if unit in SPANS:
        span = second - first
        count = abs(span) // SPANS[unit]
        return count if span >= dt.timedelta() else -count
    months = (second.year - first.year) * 12 + second.month - first.month
    into = [(x.day, x.time()) for x in (first, second)]
    if months > 0 and into[1] < into[0]:
        months -= 1
    elif months < 0 and into[1] > into[0]:
        months += 1
    return int(months / MONTHS[unit])


def day_of(moment: dt.date) -> dt.date:
    return moment.date() if isinstance(moment, dt.datetime) else moment


def day_part(function: Callable[[dt.date], Value]) -> Callable[[Value], Value]:
    """Make a function of a date take a datetime too, and return NULL for NULL."""
    return strict(lambda moment: function(day_of(moment)))


@strict
def clock_part(moment: Value, part: str) -> int:
    value = getattr(moment, part) if isinstance(moment, dt.datetime) else 0
    assert isinstance(value, int)
    return value


@strict
def week(moment: Value, mode: int) -> int:
    """Count as MySQL documents its modes: from which day, from 0 or 1, and which week is the first of a year."""
    day = day_of(moment)
    from_monday = mode in (1, 3, 5, 7)
    four_days = mode in (1, 3, 4, 6)

    def first_week(year: int) -> int:
        """Return the ordinal of the first day of the first week of a year, which may be 0 or 10000."""
        before = year - 1
        january = 365 * before + before // 4 - before // 100 + before // 400 + 1
        into_week = (january - 1) % 7 if from_monday else january % 7
        belongs = into_week <= 3 if four_days else into_week == 0
        return january - into_week + (0 if belongs else 7)

    number = (day.toordinal() - first_week(day.year)) // 7 + 1
    if mode in (0, 1, 4, 5):
        return max(number, 0)
    if number < 1:
        return (day.toordinal() - first_week(day.year - 1)) // 7 + 1
    return 1 if day.toordinal() >= first_week(day.year + 1) else number


def last_day(day: dt.date) -> dt.date:
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])


@strict
def seconds_since_1970(moment: Value) -> Value:
    if isinstance(moment, dt.datetime):
        seconds = (moment - dt.datetime(1970, 1, 1)) / dt.timedelta(seconds=1)
        return seconds if seconds >= 0 else None
    return (moment.toordinal() - 719163) * 86400 if moment.year >= 1970 else None

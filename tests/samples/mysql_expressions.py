"""Expressions with their values in the database they come from; as a program, it asks a MariaDB for the values anew.

The values are in `mysql_expressions.json`: for each expression, one for each row below. Expressions that differ between
MariaDB and MySQL are left out, as are those with another meaning here (docs/reference/expressions.md).

pip install pymysql
python tests/samples/mysql_expressions.py HOST PORT USER PASSWORD
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from decimal import Decimal
from pathlib import Path

FILE = Path(__file__).with_suffix(".json")

COLUMNS = {
    "number": "bigint",
    "x": "double",
    "price": "decimal(10,2)",
    "word": "varchar(40)",
    "note": "varchar(40)",
    "day": "date",
    "moment": "datetime(6)",
    "hour": "time(6)",
}
"""The type of each attribute in MariaDB."""

ROWS: list[tuple[object, ...]] = [
    (5, 1.5, "20.25", "Rex", "2024-02-29", "2024-02-29", "2024-02-29 13:04:05.006007", "13:04:05.006007"),
    (-7, -2.5, "-0.55", "éa bé", "12:30:15.5", "2023-01-01", "2023-01-01 00:00:00", "00:00:00"),
    (0, 0.0, "0.00", "", "a,b,,c", "2024-12-31", "2024-12-31 23:59:59.999999", "23:59:59.999999"),
    (300, 1e10, "99999999.99", "  x.y.z  ", "x.y.z", "1969-12-31", "1969-12-31 12:00:00", "12:00:00.500000"),
    (2, 0.1, "1.00", "a%_\\b'\"", "b", "2021-01-03", "2021-01-03 01:00:00", "01:00:00"),
    (None, None, None, None, None, None, None, None),
    (1, -0.5, "2.50", "aaXaa", "2024-01-02 03:04:05", "0002-01-01", "9999-12-30 00:00:00", "10:00:00"),
]

EXPRESSIONS = [
    # Numbers.
    "mod(number, 3)",
    "mod(number, 0)",
    "mod(price, 0.7)",
    "number MOD 3 + 1",
    "number DIV 2",
    "number DIV 0",
    "number DIV -2 * 2",
    "price DIV 0.3",
    "x DIV 2",
    "sign(number)",
    "sign(x)",
    "sign(price)",
    "truncate(x, 0)",
    "truncate(x, 1)",
    "truncate(x, -1)",
    "truncate(price, 1)",
    "truncate(price, -2)",
    "truncate(number, 2)",
    "truncate(number, -2)",
    "log(x)",
    "log(2, x)",
    "log(number, 8)",
    "log(x, x)",
    "log2(number)",
    "pi() * 1e0",
    "sin(x)",
    "cos(number)",
    "tan(x)",
    "asin(x)",
    "acos(x)",
    "atan(x)",
    "atan(x, number)",
    "atan2(number, x)",
    "degrees(x)",
    "radians(number)",
    "ceiling(x)",
    "pow(number, 2)",
    # Truth and NULL.
    "number <=> 5",
    "number <=> NULL",
    "NULL <=> NULL",
    "word <=> note",
    "(number <=> x) + 1",
    "NOT number <=> 5",
    "isnull(number)",
    "isnull(word) + 1",
    "number XOR 1",
    "number XOR x",
    "number > 1 XOR number > 3 XOR number > 200",
    "1 OR number XOR 1",
    "number > 0 && x > 0",
    "if(number IS NULL, 'none', word)",
    "nullif(number, 5)",
    "ifnull(word, 'none')",
    # Text.
    "left(word, 2)",
    "left(word, 0)",
    "left(word, -1)",
    "left(word, number)",
    "right(word, 2)",
    "right(word, 100)",
    "right(word, number)",
    "left(number, 2)",
    "lpad(word, 5, '*')",
    "lpad(word, 2, '*')",
    "lpad(word, 8, 'éb')",
    "lpad(number, 3, '0')",
    "lpad(word, -1, 'x')",
    "rpad(word, 6, '-+')",
    "rpad(word, 0, 'x')",
    "concat_ws('-', word, NULL, number, note)",
    "concat_ws(word, 1, 2)",
    "concat_ws(',', '', NULL, '')",
    "concat_ws(', ', day, number)",
    "trim(word)",
    "ltrim(word)",
    "rtrim(word)",
    "trim(BOTH 'a' FROM word)",
    "trim(LEADING 'aa' FROM word)",
    "trim(TRAILING 'a' FROM word)",
    "trim(' ' FROM word)",
    "trim(BOTH FROM word)",
    "trim(word FROM word)",
    "trim(BOTH '' FROM word)",
    "trim(BOTH 'aa' FROM concat('aaaXaaa', word))",
    "repeat(word, 2)",
    "repeat(word, 0)",
    "repeat('ab', number)",
    "concat('[', space(number % 5), ']')",
    "reverse(word)",
    "instr(word, 'a')",
    "instr(word, '')",
    "instr(word, 'zz')",
    "locate('a', word)",
    "locate('a', word, 2)",
    "locate('a', word, 0)",
    "locate('a', word, 100)",
    "locate(note, 'a2024-02-29b')",
    "substring_index(note, '.', 1)",
    "substring_index(note, '.', -1)",
    "substring_index(note, '.', 0)",
    "substring_index(note, '', 1)",
    "substring_index(note, ',', 2)",
    "substring_index(note, ',', -2)",
    "substring_index(note, '-', number)",
    "substring_index(word, 'aa', -1)",
    "substring_index('aaa', 'aa', -1)",
    "substring_index('aaa', 'aa', 1)",
    "find_in_set('b', note)",
    "find_in_set('', note)",
    "find_in_set('c', note)",
    "find_in_set('a,b', note)",
    "find_in_set(note, 'a,b,x.y.z')",
    "strcmp(word, note)",
    "strcmp('a', 'B')",
    "field(number, 2, 5, 300)",
    "field(word, 'x', 'Rex')",
    "field(word, NULL, 'Rex')",
    "elt(number, 'one', 'two', 'three')",
    "elt(number, word, note)",
    "char_length(word)",
    "character_length(number)",
    "octet_length(word)",
    "ucase(word)",
    "lcase(word)",
    "mid(word, 2, 2)",
    "substring(word FROM 2)",
    "substring(word FROM -2 FOR 1)",
    "convert(price, signed)",
    "convert(number, char)",
    # Regular expressions.
    "word REGEXP '^[a-z]'",
    "word REGEXP 'a{2}'",
    "word NOT REGEXP 'a'",
    "word RLIKE '\\\\.y\\\\.'",
    "word REGEXP '\\\\bb'",
    "word REGEXP '\\\\w'",
    "word REGEXP '^$'",
    "word REGEXP 'a|x'",
    "word REGEXP '[[:upper:]]'",
    "word REGEXP '^(?=.*a)(?=.*b)'",
    "word REGEXP note",
    "word REGEXP NULL",
    "number REGEXP '^[0-9]+$'",
    "day REGEXP '^2024'",
    "note REGEXP '^[0-9]{4}-[0-9]{2}' = 1",
    # Parts of dates and times.
    "year(day)",
    "year(moment)",
    "year(note)",
    "quarter(day)",
    "month(moment)",
    "day(day)",
    "dayofmonth(moment)",
    "dayofyear(day)",
    "weekday(day)",
    "weekday(moment) < 5",
    "dayofweek(day)",
    *(f"week(day, {mode})" for mode in range(8)),
    *(
        f"week('{day}', {mode})"
        for mode in range(8)
        for day in ("2022-12-31", "2020-12-31", "2016-01-02", "2019-12-30")
    ),
    "week(moment)",
    "weekofyear(day)",
    "dayname(day)",
    "monthname(moment)",
    "last_day(day)",
    "last_day(moment)",
    "to_days(day)",
    "hour(moment)",
    "hour(hour)",
    "hour(note)",
    "hour('100:20:30')",
    "hour('-10:20:30')",
    "minute(moment)",
    "minute(hour)",
    "second(moment)",
    "second(hour)",
    "microsecond(moment)",
    "microsecond(hour)",
    "hour(day)",
    "hour(timediff(moment, timestamp(date(moment))))",
    "minute(timediff('2024-01-05 00:00:00', '2024-01-01 00:30:00'))",
    "extract(year FROM moment)",
    "extract(MONTH FROM day)",
    "extract(week FROM day)",
    "extract(hour FROM hour)",
    "extract(quarter FROM moment)",
    "date(moment)",
    "date('2024-01-02 03:04:05')",
    "time(moment)",
    "time('2024-01-02 03:04:05')",
    "timestamp(day)",
    "timestamp(day, '12:30')",
    "timestamp('2024-01-31', '-01:00:00')",
    # Moving.
    "date_add(day, INTERVAL 1 DAY)",
    "date_add(day, INTERVAL 1 MONTH)",
    "date_add(day, INTERVAL -1 QUARTER)",
    "date_add(day, INTERVAL 1.5 DAY)",
    "date_add(day, INTERVAL number DAY)",
    "date_add(day, INTERVAL x DAY)",
    "date_add(day, INTERVAL price WEEK)",
    "date_add(moment, INTERVAL 90 MINUTE)",
    "date_add(moment, INTERVAL 1 YEAR)",
    "date_add(moment, INTERVAL 0.5 SECOND)",
    "date_add('2024-01-31', INTERVAL 1 MONTH)",
    "date_add('2024-01-31 10:00:00', INTERVAL '2' HOUR)",
    "date_sub(day, INTERVAL 1 YEAR)",
    "date_sub(moment, INTERVAL 1 MICROSECOND)",
    "date_sub('2024-03-31', INTERVAL 1 MONTH)",
    "adddate(day, 31)",
    "adddate(day, INTERVAL 1 WEEK)",
    "subdate(day, number)",
    "timestampadd(MONTH, 1, day)",
    "timestampadd(MINUTE, number, moment)",
    "addtime(moment, '01:00:00')",
    "minute(addtime(hour, '00:30:00'))",
    "subtime(moment, '1:30')",
    "hour(subtime(hour, '20:00:00'))",
    "time_to_sec(addtime('23:00:00', '02:00:00'))",
    "datediff(day, '2024-01-01')",
    "datediff(moment, day)",
    "datediff('2024-03-01 23:59:59', '2024-02-28 00:00:01')",
    "datediff(note, day)",
    "timestampdiff(DAY, day, '2024-01-01')",
    "timestampdiff(MONTH, day, moment)",
    # Seconds.
    "time_to_sec('01:00:05')",
    "time_to_sec('-01:00:05')",
    "sec_to_time(abs(number) * 60)",
    "sec_to_time(5.25)",
    "time_to_sec(sec_to_time(-3600)) + 1",
    "unix_timestamp('2024-01-01')",
    "unix_timestamp(day)",
    "unix_timestamp('2024-01-01 00:00:00.5')",
    "from_unixtime(number)",
    "from_unixtime(1700000000.25)",
    "from_unixtime(86400 * number, '%Y/%m/%d')",
    # Formats.
    *(f"date_format(moment, '%{letter}')" for letter in "abcDdefHhIijklMmprSsTUuVvWwXxYy%q"),
    "date_format(day, '%Y-%m-%d')",
    "date_format(moment, '%d.%m.%Y %H:%i')",
    "date_format(day, 'the \"%D\" of %M\\\\, week %u')",
    "date_format(day, '')",
    "date_format(day, 'no specifier')",
    "date_format('2024-01-02', '%W, %e %b %y')",
    "date_format(note, '%Y')",
    "concat(date_format(day, '%Y'), '_', word)",
    "date_format(day, '%Y') = '2024'",
    "str_to_date(note, '%Y-%m-%d')",
    "str_to_date('9/2/2024', '%e/%c/%Y')",
    "str_to_date('20240209', '%Y%m%d')",
    "str_to_date('24-02-09', '%y-%m-%d')",
    "str_to_date('71-02-09', '%y-%m-%d')",
    "str_to_date('2024-02-09 1:2:3.5', '%Y-%m-%d %H:%i:%s.%f')",
    "str_to_date('Feb 9 2024 1:02 PM', '%b %d %Y %l:%i %p')",
    "str_to_date('february 9, 2024', '%M %d, %Y')",
    "str_to_date('12:05:00 AM', '%r')",
    "str_to_date('10:11', '%H:%i')",
    "str_to_date('2024 060', '%Y %j')",
    "str_to_date(' 2024-02-09 and more', '%Y-%m-%d')",
    "str_to_date('2024-13-09', '%Y-%m-%d')",
    "str_to_date('2024', '%Y')",
    "str_to_date('x', '%Y-%m-%d')",
    "str_to_date(word, '%Y')",
    "str_to_date('1st May 2024', '%D %b %Y')",
]

AGGREGATES = [
    "stddev_samp(x)",
    "var_samp(x)",
    "stddev_samp(price * 1e0)",
    "bit_xor(abs(number))",
    "count(DISTINCT number, word)",
    "count(DISTINCT word, note, day)",
    "group_concat(number, ':', word ORDER BY number SEPARATOR '|')",
    "max(date_format(day, '%Y'))",
    "sum(weekday(day) < 5)",
    "round(avg(datediff(day, '2024-01-01')) * 1e0, 3)",
]
"""Over all rows together."""


def plain(value: object) -> object:
    """Write a value in a form that JSON has and that drivers of both databases share."""
    match value:
        case bool():
            return int(value)
        case Decimal():
            return float(value)
        case dt.time():
            return plain(
                dt.timedelta(
                    hours=value.hour, minutes=value.minute, seconds=value.second, microseconds=value.microsecond
                )
            )
        case dt.timedelta():
            size = abs(value)
            minutes, seconds = divmod(size.days * 86400 + size.seconds, 60)
            text = f"{'-' if value < size else ''}{minutes // 60:02}:{minutes % 60:02}:{seconds:02}"
            return f"{text}.{size.microseconds:06}" if size.microseconds else text
        case dt.datetime():
            return value.isoformat(" ")
        case dt.date():
            return value.isoformat()
        case bytes():
            return value.decode()
        case _:
            return value


def main() -> None:
    """Ask for every value and write the file."""
    import pymysql  # type: ignore[import-untyped,unused-ignore]  # no dependency

    host, port, user, password = sys.argv[1:]
    connection = pymysql.connect(host=host, port=int(port), user=user, password=password, charset="utf8mb4")
    cursor = connection.cursor()
    cursor.execute("SET NAMES utf8mb4 COLLATE utf8mb4_nopad_bin")
    cursor.execute("SET time_zone = '+00:00'")
    cursor.execute(
        "SET sql_mode = 'NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,STRICT_ALL_TABLES,"
        "NO_ENGINE_SUBSTITUTION,ONLY_FULL_GROUP_BY'"
    )
    cursor.execute("CREATE DATABASE IF NOT EXISTS samples CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin")
    cursor.execute("DROP TABLE IF EXISTS samples.sample")
    columns = ", ".join(f"`{name}` {type_}" for name, type_ in COLUMNS.items())
    cursor.execute(f"CREATE TABLE samples.sample (id int PRIMARY KEY, {columns})")
    statement = "INSERT INTO samples.sample VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"
    cursor.executemany(statement, [(i, *row) for i, row in enumerate(ROWS)])
    values: dict[str, list[object]] = {}
    for text in EXPRESSIONS:
        cursor.execute(f"SELECT {text} FROM samples.sample ORDER BY id")  # noqa: S608  # a text from above
        values[text] = [plain(value) for (value,) in cursor.fetchall()]
    for text in AGGREGATES:
        cursor.execute(f"SELECT {text} FROM samples.sample")  # noqa: S608  # as above
        values[text] = [plain(value) for (value,) in cursor.fetchall()]
    lines = ",\n".join(
        f" {json.dumps(text)}: {json.dumps(found, ensure_ascii=False)}" for text, found in values.items()
    )
    FILE.write_text("{\n" + lines + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()

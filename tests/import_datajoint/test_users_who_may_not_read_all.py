"""Plans for users of a real MariaDB who may read some schemas, tables and columns: the catalog hides all others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest

from levada._from_datajoint.addresses import read_address
from levada._from_datajoint.mysql import MySQL
from tests.import_datajoint.test_strange_schemas import SAMPLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.mariadb import MariaDB

    Plan = Callable[..., tuple[int, Any]]

TESTS = ("levada._from_datajoint.addresses", "levada._from_datajoint.mysql")
SCHEMAS = """
CREATE DATABASE base_1; CREATE DATABASE tree; USE base_1;
CREATE TABLE parent (a int NOT NULL PRIMARY KEY); INSERT INTO parent VALUES (1);
CREATE TABLE other (a int NOT NULL PRIMARY KEY);
CREATE TABLE `~external_raw` (hash binary(16) NOT NULL PRIMARY KEY, size bigint unsigned NOT NULL,
    attachment_name varchar(255), filepath varchar(1000));
USE tree;
CREATE TABLE leaf (a int NOT NULL PRIMARY KEY, b int, FOREIGN KEY (a) REFERENCES base_1.parent (a),
    FOREIGN KEY (b) REFERENCES base_1.other (a) ON DELETE CASCADE);
INSERT INTO leaf VALUES (1, NULL);
USE base_1;
CREATE TABLE child (a int NOT NULL PRIMARY KEY, FOREIGN KEY (a) REFERENCES parent (a) ON DELETE CASCADE);
INSERT INTO child VALUES (1);
CREATE TABLE child__part (a int NOT NULL PRIMARY KEY);
CREATE TABLE filed (a int NOT NULL PRIMARY KEY, f binary(16) NOT NULL COMMENT ':filepath@raw:',
    FOREIGN KEY (f) REFERENCES `~external_raw` (hash));
CREATE USER dora@localhost;
"""
REFUSED = "'dora'@'localhost' may not read"


@pytest.fixture
def hidden(lab_0_14: MariaDB) -> Iterator[MariaDB]:
    """Two schemas and a user without rights, for the length of a test."""
    try:
        lab_0_14.run(SCHEMAS)
        yield lab_0_14
    finally:
        lab_0_14.run(
            "DROP DATABASE IF EXISTS tree; DROP DATABASE IF EXISTS base_1; DROP USER IF EXISTS dora@localhost;"
        )


@pytest.fixture
def plan(hidden: MariaDB, bring: Plan, monkeypatch: pytest.MonkeyPatch) -> Plan:
    """Make dora's plan after some grants."""
    monkeypatch.setenv("LEVADA_SOURCE_PASSWORD", "")

    def run(grants: str, *words: str | Path) -> tuple[int, Any]:
        hidden.run(grants)
        return bring(hidden.url.replace("root@", "dora@"), *words, "--plan")

    return run


def stays(told: dict[str, Any]) -> dict[str, str]:
    return {one["place"]: one["why"] for one in told["not_brought"]}


def test_schema_that_refers_to_one_that_may_not_be_read_says_which_grant_is_missing(
    plan: Plan, hidden: MariaDB
) -> None:
    code, told = plan("GRANT SELECT ON tree.* TO dora@localhost")
    (problem,) = told["problems"]
    start = f"'tree' refers to the schema 'base_1', which {REFUSED.partition(' ')[0]} may not read, in tree.leaf ("
    assert (code, problem.startswith(start)) == (1, True)
    assert "and 1 other foreign key. Leave 'tree' out, by naming the schemas that shall come, or let" in problem
    grant = problem.partition("database run: ")[2]
    assert grant == r"GRANT SELECT ON `base\_1`.* TO 'dora'@'localhost';"
    code, told = plan(grant)
    assert "base_1" in told["schemas"]
    assert not any(REFUSED in problem for problem in told["problems"])
    hidden.run("CREATE DATABASE basex1; CREATE TABLE basex1.t (a int PRIMARY KEY)")
    try:
        assert "basex1" not in plan("")[1]["schemas"]
    finally:
        hidden.run("DROP DATABASE basex1")


def test_schemas_of_which_not_all_may_be_read_come_by_name_alone(plan: Plan) -> None:
    code, told = plan("GRANT SELECT ON tree.* TO dora@localhost; GRANT SELECT ON base_1.parent TO dora@localhost")
    assert list(told["schemas"]) == ["tree"]
    assert stays(told)["base_1"].startswith(f"{REFUSED} all of its tables. Name it, if the others are enough, or let")
    code, told = plan("", "tree", "base_1")
    assert [table["there"] for table in told["tables"]] == ["base_1.parent", "tree.leaf"]
    (question,) = told["questions"]  # of the foreign key to the table that is hidden
    assert f"which {REFUSED.partition(' ')[0]} may not read. Give the foreign key up, or let" in question["text"]
    assert "sees no others" in stays(told)["base_1, but for what is named here"]
    code, told = plan("GRANT SELECT ON base_1.other TO dora@localhost", "tree", "base_1")
    assert (code, told["problems"], told["questions"]) == (0, [], [])


def test_user_who_may_read_columns_or_see_names_alone_may_read_no_table(plan: Plan) -> None:
    code, told = plan(
        "GRANT SELECT (a) ON tree.leaf TO dora@localhost; GRANT INSERT ON base_1.parent TO dora@localhost"
    )
    assert (code, [one.partition(":")[0] for one in told["problems"]]) == (
        1,
        ["'base_1' does not come", "'tree' does not come"],
    )
    code, told = plan("GRANT SHOW DATABASES ON *.* TO dora@localhost", "lab")
    assert (code, len(told["problems"])) == (1, 1)
    assert told["problems"][0].startswith(f"{REFUSED} any table of 'lab'. Leave it out, or let")
    code, told = plan("GRANT SELECT ON base_1.child TO dora@localhost", "base_1")
    assert stays(told)["base_1.parent"] == f"{REFUSED} all of it"  # it is seen, as rows may be inserted
    code, told = plan(
        "GRANT SELECT ON base_1.child__part TO dora@localhost; REVOKE SELECT ON base_1.child FROM dora@localhost",
        "base_1",
    )
    assert stays(told)["base_1.child__part"] == "a part whose master `child` 'dora'@'localhost' may not see"
    code, told = plan("REVOKE SHOW DATABASES ON *.* FROM dora@localhost", "a-animal")
    assert told["message"].endswith("GRANT SELECT ON `a-animal`.* TO 'dora'@'localhost';")


def test_files_whose_hashes_may_not_be_read_are_named(plan: Plan) -> None:
    _, told = plan("GRANT SELECT ON base_1.filed TO dora@localhost", "base_1")
    assert any(
        problem.startswith(f"base_1.filed (f) refers to files of a store: {REFUSED} base_1.~external_raw. Let")
        for problem in told["problems"]
    )


def test_rights_that_come_by_a_role_count(plan: Plan, hidden: MariaDB) -> None:
    role = "CREATE ROLE readers; GRANT SELECT ON tree.* TO readers; GRANT SELECT ON base_1.* TO readers; "
    try:
        _, told = plan(role + "GRANT readers TO dora@localhost; SET DEFAULT ROLE readers FOR dora@localhost")
    finally:
        hidden.run("DROP ROLE readers")
    assert list(told["schemas"]) == ["base_1", "tree"]


def test_plan_says_what_is_only_shown_to_others(plan: Plan) -> None:
    _, told = plan("GRANT SELECT ON tree.* TO dora@localhost")
    assert stays(told)["triggers, procedures and events"].startswith("'dora'@'localhost' sees only those")
    assert told["grants"] == [
        "levada users add dora",
        "# 'dora'@'localhost' sees no grants of others; an administrator of the database does",
        "levada grants add viewer tree dora",
    ]
    _, told = plan("GRANT SELECT ON *.* TO dora@localhost", "tree", "base_1")
    assert not any("sees no" in one for one in told["grants"])


def test_parents_that_were_dropped_are_a_question(plan: Plan) -> None:
    gone = "GRANT SELECT ON *.* TO dora@localhost; SET foreign_key_checks = 0; DROP DATABASE base_1;"
    code, told = plan(gone, "tree")
    assert (code, told["problems"], len(told["questions"])) == (1, [], 2)
    assert all("which is not there" in question["text"] for question in told["questions"])


def test_parents_that_were_made_again_without_their_column_are_a_question(plan: Plan) -> None:
    other = "GRANT SELECT ON *.* TO dora@localhost; SET foreign_key_checks = 0; USE base_1; DROP TABLE parent, child;"
    _, told = plan(f"{other} CREATE TABLE parent (z int NOT NULL PRIMARY KEY);", "tree", "base_1")
    (question,) = told["questions"]
    assert question["text"] == "tree.leaf (a) refers to base_1.parent (a), which is not there."
    assert any("the content of the store 'raw'" in problem for problem in told["problems"])


def test_a_user_who_only_reads_sees_the_facts_that_an_administrator_sees(lab_0_14: MariaDB) -> None:
    names = ["lab", "a-animal", "Upper", "loop", "strange", "hopeless"]
    try:
        lab_0_14.run(SAMPLE.read_text(encoding="utf-8") + "CREATE USER dora@localhost;")
        lab_0_14.run("".join(f"GRANT SELECT ON `{name}`.* TO dora@localhost;" for name in names))
        found = []
        for user in ("root", "dora"):
            source = MySQL(read_address(lab_0_14.url.replace("root@", f"{user}@")), "")
            found.append(source.facts(names))
            source.close()
    finally:
        lab_0_14.run(
            "DROP USER dora@localhost; DROP DATABASE strange; DROP DATABASE hopeless; DROP USER guest@localhost;"
        )
    both = [(one.tables, one.observations, one.strays, one.zone, one.partly, one.unreadable) for one in found]
    assert both[0] == both[1]
    rules = {key.on_delete for table in found[1].tables for key in table.foreign_keys}
    assert rules == {"", "CASCADE", "SET NULL"}


GRANTS = """
CREATE USER ada@localhost; GRANT SELECT ON *.* TO ada@localhost;
CREATE USER bea@localhost; GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP ON *.* TO bea@localhost;
CREATE USER 'c d'@localhost; GRANT ALL ON *.* TO 'c d'@localhost;
CREATE USER eve@localhost; GRANT SELECT ON base_1.child TO eve@localhost;
GRANT SELECT ON base_1.child__part TO eve@localhost;
"""


def test_grants_for_all_schemas_and_tables_are_commands(hidden: MariaDB, bring: Plan) -> None:
    try:
        hidden.run(GRANTS)
        _, told = bring(hidden.url, "tree", "base_1", "--plan")
    finally:
        hidden.run("DROP USER ada@localhost, bea@localhost, 'c d'@localhost, eve@localhost")
    commands = [one for one in told["grants"] if one.split("  #")[0].split()[-1] not in ("anna", "ben", "cleo")]
    assert commands == [
        "levada users add 'c d' --administrator  # c d may do everything there",
        "levada users add ada",
        "levada users add bea --schemas ''  # creates schemas of any name, as there",
        "levada users add eve",
        "levada grants add viewer tree ada",
        "levada grants add viewer base_1 ada",
        "levada grants add owner tree bea",
        "levada grants add owner base_1 bea",
        "levada grants add viewer base_1.Child eve",
    ]


OTHER_GRANTS = r"""
CREATE DATABASE test; GRANT ALL ON test.* TO PUBLIC; GRANT ALL ON `test\_%`.* TO PUBLIC;
CREATE USER ada@localhost; GRANT SELECT ON test.* TO ada@localhost;
CREATE USER bea@localhost; GRANT ALL ON `bea\_%`.* TO bea@localhost;
CREATE USER eve@localhost; CREATE ROLE readers; CREATE ROLE lonely; CREATE ROLE outer_role;
GRANT SELECT ON tree.* TO readers; GRANT readers TO outer_role; GRANT outer_role TO eve@localhost;
GRANT SELECT ON tree.* TO lonely;
"""


def test_grants_are_those_of_persons_for_what_comes(hidden: MariaDB, bring: Plan) -> None:
    try:
        hidden.run(OTHER_GRANTS)
        _, told = bring(hidden.url, "--plan")
    finally:
        hidden.run(
            r"REVOKE ALL ON test.* FROM PUBLIC; REVOKE ALL ON `test\_%`.* FROM PUBLIC; DROP DATABASE test; "
            "DROP USER ada@localhost, bea@localhost, eve@localhost; DROP ROLE readers, lonely, outer_role"
        )
    commands = [one for one in told["grants"] if one.split()[-1] not in ("anna", "ben", "cleo")]
    assert commands == [
        "levada users add eve",
        "levada users add bea --schemas bea_",
        "levada grants add viewer tree eve",
    ]


def test_a_user_of_postgresql_who_may_not_read_all_gets_the_grants(
    lab_2_3: str, bring: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = urlsplit(lab_2_3)
    reader = f"dora_{uuid4().hex}"
    monkeypatch.setenv("LEVADA_SOURCE_PASSWORD", "")
    url = address._replace(netloc=f"{reader}@{address.netloc.rpartition('@')[2]}").geturl()

    def run(statements: str) -> None:
        with psycopg.connect(lab_2_3, autocommit=True) as connection:
            connection.execute(statements.encode())

    run(f"CREATE USER {reader}")
    try:
        code, told = bring(url, "--plan")
        assert (code, told["tables"]) == (1, [])
        (problem,) = (one for one in told["problems"] if one.startswith("'lab2' does not come"))
        assert f'"{reader}" may not read all of its tables' in problem
        for one in told["problems"]:
            run(one.partition("database run: ")[2])
        code, told = bring(url, "--plan")
        assert any(table["there"].startswith("lab2.") for table in told["tables"])
        assert not any("may not read" in one for one in told["problems"])
        run(f"REVOKE ALL ON lab2.session FROM {reader}")
        code, told = bring(url, "lab2", "--plan")
        assert stays(told)["lab2.session"] == f'"{reader}" may not read all of it'
        assert any("may not read. Give the foreign key up" in one["text"] for one in told["questions"])
    finally:
        run(f"DROP OWNED BY {reader}; DROP USER {reader}")

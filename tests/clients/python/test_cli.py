"""The command `levada`, as a person types it."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import signal
import subprocess
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING

import asyncpg
import pytest

import levada as lv
from levada._base import installation
from levada._cli import main, output
from levada_server.storage.backup.snapshot import snapshot
from levada_server.storage.postgres.database import Database
from tests.support.client import give_up_at_once

if TYPE_CHECKING:
    from pathlib import Path

TESTS = ("levada._cli.main", "levada._cli.output", "levada._base.installation")


@pytest.fixture
def url(server_address: str, lab: lv.VirtualModule, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a server with the schema `lab`, known by its variable."""
    monkeypatch.setenv("LEVADA_URL", server_address)
    return server_address


def test_help_lists_all_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main.main(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    for command in ("serve", "worker", "connect", "schemas", "describe", "objects", "jobs"):
        assert f"\n  {command} " in text


def test_without_a_command_there_is_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main([]) == 0
    assert "Exit codes:" in capsys.readouterr().out
    assert main.main(["jobs"]) == 0
    assert "\n    errors " in capsys.readouterr().out


def test_erase_asks_and_prints_what_it_erased(
    url: str, lab: lv.VirtualModule, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []

    def answer(prompt: str) -> str:
        asked.append(prompt)
        return "no"

    monkeypatch.setattr("builtins.input", answer)
    arguments = ["erase", "lab.Subject", "subject_id = 1"]
    before = len(lab.Subject())
    assert main.main(arguments) == 1
    assert "About to erase, for good:" in capsys.readouterr().out
    assert asked == ["Erase? [yes, No]: "]
    assert len(lab.Subject()) == before
    assert main.main([*arguments, "--yes"]) == 0
    said = capsys.readouterr().out
    assert [line.split() for line in said.splitlines()[:3]] == [
        ["4", "rows", "of", "lab.Session.Trial"],
        ["2", "rows", "of", "lab.Session"],
        ["1", "row", "of", "lab.Subject"],
    ]
    assert "0 objects" in said
    assert len(lab.Subject()) == before - 1
    assert not lab.Subject & "subject_id = 1"
    assert main.main([*arguments, "--yes"]) == 1
    assert "No row has this condition." in capsys.readouterr().out
    assert main.main(["erase", "lab.Subject", "subject_id = 2", "--yes", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["tables"][-1] == {"table": "lab.Subject", "rows": 1}
    assert (told["object_count"], told["remaining_object_count"]) == (0, 0)
    assert main.main(["erase", "lab.Subject", "weight = 1", "--yes"]) == 1


def test_only_arguments_that_are_needed_are_called_missing(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main.main(["jobs", "retry"])
    assert capsys.readouterr().err.endswith("the following arguments are required: SCHEMA.TABLE\n")


def test_version_is_that_of_the_distribution(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main.main(["--version"])
    assert (ended.value.code, capsys.readouterr().out) == (0, f"levada {version('levada')}\n")


def test_serve_is_the_server_itself() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "levada", "serve", "--help"], check=True, capture_output=True, text=True, timeout=60
    ).stdout
    for option in ("--database-url", "--listen", "--tls-in-front", "--data-dir"):
        assert option in shown


def test_serve_says_what_is_missing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(installation, "_SERVER_MODULES", ("levada_server", "a_module_that_is_missing"))
    assert main.main(["serve"]) == 1
    error = capsys.readouterr().err
    assert "a_module_that_is_missing" in error
    assert "python -m pip install" in error
    assert "levada[server] @ file:///" in error or error.endswith("[server]'\n")


def test_connect_check_tells_who_answers(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["connect", "check"]) == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines() if line[0] != "r")
    assert lines["server"] == url
    assert lines["PostgreSQL"][0].isdigit()


def test_server_out_of_reach_is_one_line_and_a_code(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    give_up_at_once(monkeypatch)
    assert main.main(["schemas", "--url", "127.0.0.1:1"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("levada schemas: The server at 127.0.0.1:1 is out of reach")
    assert error.count("\n") == 1


def test_schemas_are_listed(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["schemas"]) == 0
    head, row = capsys.readouterr().out.splitlines()
    assert head.split() == ["schema", "tables", "created"]
    assert row.split()[:2] == ["lab", "4"]


def test_describe_shows_a_definition(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["describe", "lab.Session.Trial"]) == 0
    assert "trial : int16" in capsys.readouterr().out
    assert main.main(["describe", "lab.Nothing"]) == 1
    assert capsys.readouterr().err.startswith("levada describe: ")
    assert main.main(["describe", "Session"]) == 1
    assert "schema.Table" in capsys.readouterr().err


def test_ownership_of_rows_is_set_and_shown(
    url: str, lab: lv.VirtualModule, capsys: pytest.CaptureFixture[str]
) -> None:
    schema = lv.Schema("cohorts", connection=lab.schema.connection)

    @schema
    class Subject(lv.Manual):
        definition = "subject : int32\n---\nteam : varchar(32)\n"

    name = "cohorts.Subject"
    for arguments, words in (
        ([], "name no team"),
        (["--attribute", "team"], "that `team` names; others read them"),
        (["--attribute", "team", "--hidden"], "others do not read them"),
        ([], "others do not read them"),
        (["--end"], "name no team"),
    ):
        assert main.main(["ownership", name, *arguments]) == 0
        assert words in capsys.readouterr().out
    assert main.main(["ownership", name, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"table": name, "attribute": None, "hidden": False}
    assert main.main(["ownership", name, "--hidden"]) == 1
    assert main.main(["ownership", name, "--attribute", "absent"]) == 1


def test_users_and_tokens_are_told_to_programs(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(*words: str) -> list[dict[str, object]]:
        assert main.main([*words, "--json"]) == 0
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    (made,) = told("users", "add", "anna", "--schemas", "anna_")
    assert made["user"] == "anna"
    assert str(made["secret"]).startswith("lev_")
    anna = {"user": "anna", "administrator": False, "disabled": False, "creates": ["anna_"], "teams": []}
    assert anna in told("users", "list")
    (listed,) = told("tokens", "list")
    assert (listed["token"], listed["user"], listed["used"]) == (made["token"], "anna", None)
    (caller,) = told("whoami")
    assert (caller["administrator"], caller["token"]) == (True, None)
    assert told("tokens", "revoke", "--user", "anna") == [{"revoked": 1}]
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert main.main(["tokens", "revoke", "--all"]) == 1  # nobody can answer
    assert "Add --yes" in capsys.readouterr().err


def test_jobs_shows_how_far_each_table_is(
    url: str, connection: lv.Connection, lab: lv.VirtualModule, capsys: pytest.CaptureFixture[str]
) -> None:
    @lab.schema
    class Weight(lv.Computed):
        definition = """
        -> Subject
        """

        def make(self, key: dict[str, object]) -> None:
            if key["subject_id"] == 2:
                raise ValueError
            self.insert1(key)

    @lab.schema
    class Idle(lv.Imported):
        definition = """
        -> Subject
        """

    Weight.populate(suppress_errors=True)
    assert main.main(["jobs", "list", "lab"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == ["table", "keys", "remaining", "pending", "reserved", "success", "error", "ignored"]
    assert sorted(lines[1:]) == [["lab.Idle", *"-------"], ["lab.Weight", "3", "1", "0", "0", "2", "1", "0"]]


def test_objects_are_collected(
    url: str, lab: lv.VirtualModule, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    @lab.schema
    class Picture(lv.Manual):
        definition = "picture : int32\n---\ncontent : <hash@>"

    Picture.insert1((1, b"x" * 2048))
    Picture.delete(prompt=False)
    asyncio.run(pass_days(database_url))
    assert main.main(["objects", "collect", "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert "0 objects would be removed (0 B)" in told
    assert "1 objects would be put into quarantine (2.05 kB)" in told
    for quarantined, removed in ((1, 0), (0, 1)):
        assert main.main(["objects", "collect"]) == 0
        told = capsys.readouterr().out
        assert f"{removed} objects removed" in told
        assert f"{quarantined} objects put into quarantine" in told
        assert "backup" not in told
        asyncio.run(pass_days(database_url))


def test_collect_says_what_keeps_the_objects(
    url: str, lab: lv.VirtualModule, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async def collect() -> None:
        database = await Database.connect(database_url, size=1)
        async with snapshot(database):  # as for a backup
            for options in ([], ["--json"]):
                assert await asyncio.to_thread(main.main, ["objects", "collect", *options]) == 0
        await database.close()

    asyncio.run(collect())
    text, found = capsys.readouterr().out.strip().rsplit("\n", 1)
    assert text.endswith("Collect again when it has ended.")
    assert json.loads(found)["kept_because"] == text.splitlines()[-1]


async def pass_days(database_url: str) -> None:
    """Let eight days pass for all objects: time passes by moving the rows."""
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "UPDATE levada.object SET expire_time = expire_time - interval '8 days',"
        " quarantine_time = quarantine_time - interval '8 days'"
    )
    await connection.close()


def test_failed_jobs_are_shown_and_acted_upon(
    url: str, lab: lv.VirtualModule, capsys: pytest.CaptureFixture[str]
) -> None:
    @lab.schema
    class Weight(lv.Computed):
        definition = """
        -> Subject
        """

        def make(self, key: dict[str, object]) -> None:
            if key["subject_id"] != 1:
                raise ValueError("no weight")
            self.insert1(key)

    @lab.schema
    class Unmade(lv.Computed):
        definition = "-> Subject"

    Weight.populate(suppress_errors=True)
    assert main.main(["jobs", "errors", "lab"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[::2] == [f'lab.Weight {{"subject_id": {n}}}: ValueError: no weight' for n in (2, 3)]
    assert all(re.fullmatch(rf"    {re.escape(__file__)}:\d+ in make", line) for line in lines[1::2])
    assert main.main(["jobs", "errors", "lab.Weight", "--json"]) == 0
    record = json.loads(capsys.readouterr().out.splitlines()[0])
    assert (record["key"], record["attempt"]) == ({"subject_id": 2}, 1)
    assert "in make" in record["error_stack"]
    for words, done, states in (
        (["ignore", "lab.Weight", "subject_id = 3"], "1 job\n", ["success", "error", "ignored"]),
        (["retry", "lab.Weight"], "2 jobs\n", ["success", "pending", "pending"]),
        (
            ["cancel", "lab.Weight", "--json"],
            '{"table": "lab.Weight", "action": "cancel", "jobs": 0}\n',
            ["success", "pending", "pending"],
        ),
    ):
        assert main.main(["jobs", *words]) == 0
        assert capsys.readouterr().out == done
        assert Weight.jobs.to_arrays("state", order_by="KEY").tolist() == states
    assert main.main(["jobs", "list", "lab", "--json"]) == 0
    unmade, weight = map(json.loads, capsys.readouterr().out.splitlines())
    assert (unmade["table"], unmade["pending"]) == ("lab.Unmade", None)
    assert (weight["table"], weight["pending"]) == ("lab.Weight", 2)
    assert main.main(["jobs", "retry", "lab.Nothing"]) == 1


def test_all_jobs_are_ignored_only_after_asking(
    url: str, lab: lv.VirtualModule, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @lab.schema
    class Weight(lv.Computed):
        definition = "-> Subject"

        def make(self, key: dict[str, object]) -> None: ...

    Weight.jobs.refresh()
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert main.main(["jobs", "ignore", "lab.Weight"]) == 1
    said = capsys.readouterr()
    assert "About to ignore all jobs of lab.Weight: 3 pending." in said.out
    assert "No answer came to 'Ignore them?'. Add --yes" in said.err
    assert len(Weight.jobs.ignored) == 0
    assert main.main(["jobs", "ignore", "lab.Weight", "subject_id = 2"]) == 0
    monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))
    assert main.main(["jobs", "ignore", "lab.Weight"]) == 0
    assert len(Weight.jobs.ignored) == 3
    assert main.main(["jobs", "retry", "lab.Weight"]) == 0
    assert main.main(["jobs", "ignore", "lab.Weight", "--yes", "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["jobs"] == 3


def test_progress_is_watched(url: str, lab: lv.VirtualModule) -> None:
    @lab.schema
    class Weight(lv.Computed):
        definition = """
        -> Subject
        """

        def make(self, key: dict[str, object]) -> None:
            self.insert1(key)

    command = [sys.executable, "-m", "levada", "jobs", "watch", "lab", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"LEVADA_URL": url}) as watching:
        assert watching.stdout is not None
        assert json.loads(watching.stdout.readline())["remaining"] == 3
        Weight.populate()
        assert any(json.loads(line)["success"] == 3 for line in watching.stdout)
        watching.send_signal(signal.SIGINT)
        assert watching.wait(60) == 130


def test_table_is_populated(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "typed_pipeline.py").write_text(
        """
import levada as lv
schema = lv.Schema("typed_pipeline")
@schema
class Number(lv.Lookup):
    definition = "n : int32"
    contents = [(0,), (1,), (2,)]
@schema
class Half(lv.Computed):
    definition = "-> Number"
    def make(self, key):
        if key["n"] % 2:
            raise ValueError("odd")
        self.insert1(key)
""",
        encoding="utf-8",
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))

    def populate(table: str, *words: str) -> int:
        try:
            return main.main(["populate", "typed_pipeline", table, *words])
        finally:
            del sys.modules["typed_pipeline"]  # outside tests each command has its own process

    assert populate("Half", "n = 2") == 0
    assert populate("Half", "--suppress-errors") == 1
    said = capsys.readouterr()
    assert said.out == '{"n": 1}: ValueError: odd\n'
    assert "1 computed, 1 failed" in said.err
    assert populate("Half", "--suppress-errors", "--json") == 1
    assert json.loads(capsys.readouterr().out) == {
        "success_count": 0,
        "errors": [{"key": {"n": 1}, "error": "ValueError: odd"}],
    }
    assert populate("Half") == 1
    error = capsys.readouterr().err
    assert "typed_pipeline.py" in error
    assert "ValueError: odd" in error
    assert f"{os.sep}levada{os.sep}_" not in error  # no lines of this package
    assert populate("Half", "--reserve-jobs") == 0
    assert populate("Number") == 1
    assert main.main(["populate", "no_such_module", "Half"]) == 1


def test_reading_makes_no_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("LEVADA_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    for command in ("schemas", "describe lab.Session", "jobs errors lab", "whoami", "status", "audit list"):
        assert main.main(command.split()) == 1
    assert "There are no data here" in capsys.readouterr().err
    assert main.main(["stop"]) == 0
    assert not any(tmp_path.iterdir())


def test_status_tells_about_a_server_by_address(
    url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main.main(["status", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["server"], told["named by"], told["schemas"], told["tables"]) == (url, "LEVADA_URL", 1, 4)
    assert main.main(["stop"]) == 1
    assert "it is not a local one" in capsys.readouterr().err
    give_up_at_once(monkeypatch)
    assert main.main(["status", "--url", "127.0.0.1:1"]) == 1
    assert "out of reach" in capsys.readouterr().out


def test_a_mistyped_command_is_guessed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main.main(["qurey", "lab.Session"])
    assert ended.value.code == 2
    assert "there is no command `qurey`; did you mean `query`?" in capsys.readouterr().err


def test_a_module_that_fails_shows_its_own_lines(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "failing_module.py").write_text("def deep():\n    return 1 / 0\n\ndeep()\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert main.main(["populate", "failing_module", "Half"]) == 1
    error = capsys.readouterr().err
    lines = [line.strip() for line in error.splitlines() if line.startswith("  File ")]
    assert lines == [
        f'File "{tmp_path}/failing_module.py", line {n}, in {name}' for n, name in ((4, "<module>"), (2, "deep"))
    ]
    assert error.endswith("levada populate: ZeroDivisionError: division by zero\n")
    assert main.main(["populate", "failing_module.py", "Half"]) == 1
    assert "Name the module, not its file: `failing_module`" in capsys.readouterr().err


def test_an_interrupt_ends_quietly(url: str, lab: lv.VirtualModule) -> None:
    @lab.schema
    class Weight(lv.Computed):
        definition = "-> Subject"

        def make(self, key: dict[str, object]) -> None: ...

    command = [sys.executable, "-m", "levada", "jobs", "watch", "lab"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | {"LEVADA_URL": url}
    ) as watching:
        assert watching.stdout is not None
        watching.stdout.readline()
        watching.send_signal(signal.SIGINT)
        assert watching.communicate(timeout=60)[1] == ""
        assert watching.returncode == 130


def test_wrong_arguments_have_a_code_of_their_own(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["worker"], ["worker", "m", "--processes", "0"], ["worker", "m", "--lease", "soon"], ["nothing"]):
        with pytest.raises(SystemExit) as ended:
            main.main(words)
        assert ended.value.code == 2
    capsys.readouterr()


def test_output_may_be_cut_off(url: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "levada", "schemas"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"LEVADA_URL": url},
    )
    assert process.stdout is not None
    process.stdout.close()
    _, error = process.communicate(timeout=60)
    assert "Traceback" not in error


def test_colours_are_for_terminals_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    for stream, setting, shown in (
        (Terminal(), "", "\x1b[31mred\ufffd\x1b[0m"),
        (Terminal(), "1", "red\ufffd"),
        (io.StringIO(), "", "red\x1b"),
    ):
        monkeypatch.setenv("NO_COLOR", setting)
        monkeypatch.setattr(sys, "stdout", stream)
        with output.safe_terminal():
            output.write_styled("red\x1b", "red")
        assert stream.getvalue() == shown


def test_tables_fit_into_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    rows = [("lab.Session", 12, "a long comment " * 9), ("lab.Trial", 3, "")]
    monkeypatch.setenv("COLUMNS", "60")
    terminal, narrow, file = Terminal(), Terminal(), io.StringIO()
    monkeypatch.setattr(sys, "stdout", terminal)
    output.print_table(("table", "rows", "comment"), rows)
    head, first, second = terminal.getvalue().splitlines()
    assert head.split() == ["table", "rows", "comment"]
    assert len(first) == 60
    assert first.endswith("…")
    assert second == "lab.Trial       3"
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setattr(sys, "stdout", narrow)
    output.print_table(("table", "rows", "comment"), rows[1:])
    assert narrow.getvalue() == "lab.Trial\n  rows 3\n"
    monkeypatch.setattr(sys, "stdout", file)
    output.print_table(("table", "rows", "comment"), rows)
    assert rows[0][2].strip() in file.getvalue()


def test_a_terminal_gets_no_control_characters_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    said = "a\tname:\x1b[31mred\u202e\n"
    for stream, shown in ((Terminal(), "a\tname:\ufffd[31mred\ufffd\n"), (io.StringIO(), said)):
        monkeypatch.setattr(sys, "stdout", stream)
        with output.safe_terminal():
            sys.stdout.write(said)
        assert sys.stdout is stream
        assert stream.getvalue() == shown


def test_errors_are_json_too_on_request(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken_pipeline.py").write_text("1 / 0\n")
    monkeypatch.chdir(tmp_path)

    def told(*arguments: str) -> tuple[int, dict[str, object]]:
        code = main.main([*arguments, "--json"])
        printed = capsys.readouterr()
        assert printed.out == ""
        (line,) = printed.err.splitlines()
        return code, json.loads(line)

    code, error = told("describe", "lab.Nothing")
    assert (code, error["error"], error["reason"]) == (1, "UnknownTable", "UNKNOWN_TABLE")
    assert "`Nothing`" in str(error["message"])
    code, error = told("stale", "lab", "--module", "broken_pipeline")
    assert (code, error["error"], error["reason"]) == (1, "ZeroDivisionError", None)
    assert str(error["lines"]).count("broken_pipeline.py:1 in <module>") == 1
    code, error = told("jobs", "retry")
    assert (code, error["error"]) == (2, "usage")
    assert "required" in str(error["message"])

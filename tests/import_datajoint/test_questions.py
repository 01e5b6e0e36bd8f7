"""The questions of an import at a terminal, and the faults that need no answer."""

from __future__ import annotations

import io
import json
import socket
import tomllib
from typing import TYPE_CHECKING

import pytest

from levada._cli import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.mariadb import MariaDB

TESTS = ("levada._cli.main",)


class Terminal(io.StringIO):
    """A terminal, at which somebody types some lines and then ends the input."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def typed(
    server: str, lab_0_14: MariaDB, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[str, str]]:
    """Run an import that fails at a terminal; return its output and its error."""
    monkeypatch.setenv("LEVADA_SOURCE_PASSWORD", "")

    def run(lines: str, *words: str | Path) -> tuple[str, str]:
        monkeypatch.setattr("sys.stdin", Terminal(lines))
        assert main.main(["import-datajoint", lab_0_14.url, *map(str, words), "--url", server]) == 1
        said = capsys.readouterr()
        return said.out, said.err

    return run


@pytest.fixture
def stores_alone(decisions: Path) -> Path:
    """A file that has the stores, and answers no question."""
    text = decisions.read_text(encoding="utf-8")
    decisions.write_text(text[text.index("[stores]") :], encoding="utf-8")
    return decisions


def test_stores_that_are_not_answered_are_lines_to_write(typed: Callable[..., tuple[str, str]], tmp_path: Path) -> None:
    out, err = typed(f"{tmp_path / 'gone'}\n{tmp_path}\nelsewhere\n\n")
    assert f"There is no folder '{tmp_path / 'gone'}' on this machine." in out
    assert "Store here [main]: Write one of: main, raw." in out
    assert "Decide" not in out
    assert f'For the file of decisions:\n[stores]\n"ext" = {{ folder = "{tmp_path}", to = "main" }}\n' in out
    assert "No answer came to 'Its folder on this machine'. These decisions are missing." in err
    assert '"raw" = { folder = "…", to = "raw" }' in err
    assert '"ext" = {' not in err


@pytest.fixture
def answering(
    server: str, lab_0_14: MariaDB, answered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., int]:
    """Run an import at a terminal whose user takes what is offered, and then brings nothing."""

    def answer(prompt: str) -> str:
        if prompt == "Its folder on this machine: ":  # raw has the folder of the store here as its default
            return str(answered.with_name("ext"))
        if prompt.startswith("Bring these?"):
            return "no"
        choices = prompt.partition("[")[2].rpartition("]")[0].split(", ")
        return choices[0] if prompt.startswith("Decide") and choices[1:] else ""

    def run(*words: str) -> int:
        return main.main(["import-datajoint", lab_0_14.url, *words, "--url", server])

    monkeypatch.setenv("LEVADA_SOURCE_PASSWORD", "")
    monkeypatch.setattr("builtins.input", answer)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.chdir(tmp_path)
    return run


@pytest.mark.parametrize("words", [(), ("--decisions", "decisions.toml")])
def test_answers_go_into_the_file_of_decisions(
    answering: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    assert answering(*words) == 1
    out = capsys.readouterr().out
    file = tmp_path / "decisions.toml"
    assert "Wrote your answers to decisions.toml; add --decisions decisions.toml to the later commands." in out
    assert out.index("You decided:") > out.index("Wrote your answers")
    written = tomllib.loads(file.read_text(encoding="utf-8"))
    assert (set(written["stores"]), written["decisions"]["timestamp-zone"]) == ({"ext", "raw"}, "utc")
    assert answering("--decisions", "decisions.toml", "--plan") == 0
    # Answers that are missing are added, and all else stays.
    text = file.read_text(encoding="utf-8").replace('"timestamp-zone" = "utc"\n', "") + "# mine"
    file.write_text(text, encoding="utf-8")
    assert answering("--decisions", "decisions.toml") == 1
    assert file.read_text(encoding="utf-8").endswith("\n# mine")
    assert tomllib.loads(file.read_text(encoding="utf-8")) == written


def test_a_folder_of_a_store_that_is_not_there_is_a_fault(
    typed: Callable[..., tuple[str, str]], stores_alone: Path, tmp_path: Path
) -> None:
    text = stores_alone.read_text(encoding="utf-8").splitlines()
    text[1] = f'ext = {{ folder = "{tmp_path / "gone"}", to = "main" }}'
    stores_alone.write_text("\n".join(text), encoding="utf-8")
    out, err = typed("utc\n", "--decisions", stores_alone)
    assert "Decide" not in out
    assert "Mend this first; then at least 5 questions will be asked." in err
    assert f"The store 'ext' has the folder {tmp_path / 'gone'} in the file of decisions, and there is no such" in err


def test_a_store_for_files_that_stay_comes_with_the_lines_that_add_it(
    typed: Callable[..., tuple[str, str]], stores_alone: Path, tmp_path: Path
) -> None:
    lines = stores_alone.read_text(encoding="utf-8").splitlines()
    added = f'[stores.{{0}}]\nfolder = "{tmp_path}"\n[stores.{{0}}.register]\n"*" = [""]  # every schema'
    for to, then in (("main", ', and write `to = "raw"` into the file of decisions'), ("nowhere", "")):
        lines[2] = f'raw = {{ folder = "{tmp_path}", to = "{to}" }}'
        stores_alone.write_text("\n".join(lines), encoding="utf-8")
        _, err = typed("utc\n", "--decisions", stores_alone)
        assert f"levada stop`; the store `default` stays){then}:\n" in err
        assert added.format("raw" if to == "main" else to) in err


def test_a_folder_that_no_store_has_comes_before_the_other_questions(
    typed: Callable[..., tuple[str, str]], tmp_path: Path
) -> None:
    file = tmp_path / "new.toml"
    out, err = typed(f"{tmp_path}\n\n{tmp_path}\nutc\n", "--decisions", file)
    assert "Decide" not in out
    assert f'[stores.raw]\nfolder = "{tmp_path}"' in err
    assert "Mend this first; then at least 5 more questions will be asked." in err
    assert set(tomllib.loads(file.read_text(encoding="utf-8"))["stores"]) == {"ext", "raw"}


@pytest.mark.parametrize("given_up", ["loop.hen.hen_ibfk_1", "loop.egg.egg_ibfk_1"])
def test_each_foreign_key_of_a_circle_is_an_answer(
    typed: Callable[..., tuple[str, str]], tmp_path: Path, given_up: str
) -> None:
    file = tmp_path / "new.toml"
    out, err = typed(f"{given_up}\n", "loop", "--decisions", file)
    assert "  loop.egg.egg_ibfk_1: bring loop.egg (hen) without its foreign key to loop.hen\n" in out
    assert "No answer came to 'Bring these?'" in err
    assert tomllib.loads(file.read_text(encoding="utf-8")) == {"decisions": {f"foreign-key:{given_up}": "plain"}}


def test_the_lines_to_write_have_each_foreign_key_of_a_circle(typed: Callable[..., tuple[str, str]]) -> None:
    _, err = typed("", "loop")
    assert "# 'loop.egg.egg_ibfk_1': bring loop.egg (hen) without its foreign key to loop.hen: \"foreign-key:" in err
    assert tomllib.loads(err[err.index("\n[decisions]") :])["decisions"] == {"foreign-key:loop.hen.hen_ibfk_1": "plain"}


def test_answers_that_nobody_writes_into_a_file_are_shown(
    typed: Callable[..., tuple[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    out, err = typed("loop.egg.egg_ibfk_1\n", "loop")
    assert "No answer came to 'Write these answers to decisions.toml?'" in err
    assert '[decisions]\n"foreign-key:loop.egg.egg_ibfk_1" = "plain"\n' in out


def test_an_input_that_ends_says_what_is_missing_and_where_to_write_it(
    typed: Callable[..., tuple[str, str]], stores_alone: Path
) -> None:
    out, err = typed("parent\n", "--decisions", stores_alone)
    assert f"Wrote your answers to {stores_alone}; add" in out
    assert '[decisions]\n"spelling:lab.kin.kin_ibfk_1" = "parent"\n' in stores_alone.read_text(encoding="utf-8")
    assert "No answer came to 'Decide'. These decisions are missing. Write them into a file" in err
    assert "pass it with --decisions" in err
    assert '"set:lab.mark.flags" = "text"' in err
    assert '"spelling:lab.kin.kin_ibfk_1" =' not in err
    assert "prompt=False" not in err


def test_a_password_that_does_not_come_can_be_in_the_environment(
    typed: Callable[..., tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(_: str) -> str:
        raise EOFError

    monkeypatch.delenv("LEVADA_SOURCE_PASSWORD", raising=False)
    monkeypatch.setattr("getpass.getpass", ended)
    _, err = typed("")
    assert "No answer came to 'Password of root'. Put it into LEVADA_SOURCE_PASSWORD." in err


@pytest.mark.parametrize("address", ["mysql://anna@127.0.0.1:{port}", "postgresql://anna@127.0.0.1:{port}/lab"])
def test_a_database_that_does_not_answer_is_one_line(
    address: str, server: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    monkeypatch.delenv("LEVADA_SOURCE_PASSWORD", raising=False)
    with socket.socket() as taken:  # bound, and never listening
        taken.bind(("127.0.0.1", 0))
        url = address.format(port=taken.getsockname()[1])
        assert main.main(["import-datajoint", url, "--url", server]) == 1
    err = capsys.readouterr().err
    assert "cannot be read" in err
    assert "LEVADA_SOURCE_PASSWORD" in err
    assert "Traceback" not in err


def test_a_package_for_passwords_that_is_missing_comes_with_its_installation(
    server: str, lab_0_14: MariaDB, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(**_: object) -> None:
        raise RuntimeError("'cryptography' package is required for sha256_password or caching_sha2_password auth")

    monkeypatch.setenv("LEVADA_SOURCE_PASSWORD", "")
    monkeypatch.setattr("pymysql.connect", refused)
    assert main.main(["import-datajoint", lab_0_14.url, "--url", server]) == 1
    err = capsys.readouterr().err
    assert "Reading this database needs cryptography: " in err
    assert "import-datajoint" in err


def test_a_refused_user_is_one_line(
    server: str, lab_0_14: MariaDB, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LEVADA_SOURCE_PASSWORD", "wrong")
    url = lab_0_14.url.replace("root@", "anna@")
    assert main.main(["import-datajoint", url, "--url", server]) == 1
    err = capsys.readouterr().err
    assert err.startswith("levada import-datajoint: mysql://localhost cannot be read: Access denied for user 'anna'")
    assert err.count("\n") == 1


def test_a_right_that_is_missing_comes_before_the_questions(
    server: str,
    lab_0_14: MariaDB,
    stores_alone: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main.main(["users", "add", "rita", "--schemas", "lab", "--json", "--url", server]) == 0
    monkeypatch.setenv("LEVADA_TOKEN", json.loads(capsys.readouterr().out)["secret"])
    monkeypatch.setenv("LEVADA_URL", server)
    monkeypatch.setenv("LEVADA_SOURCE_PASSWORD", "")
    monkeypatch.setattr("sys.stdin", Terminal("parent\n"))
    assert (
        main.main(["import-datajoint", lab_0_14.url, "lab", "a-animal", "Upper", "--decisions", str(stores_alone)]) == 1
    )
    said = capsys.readouterr()
    assert "Decide" not in said.out
    assert (
        "You may not make the schema `a_animal` here. An administrator lets you: `levada users change rita" in said.err
    )
    assert "You may not make the schema `from_datajoint` here" in said.err
    assert "schema `lab`" not in said.err

"""The questions of an import at a terminal, and the faults that need no answer."""

from __future__ import annotations

import io
import json
import socket
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


def test_faults_that_need_no_answer_come_before_the_questions(typed: Callable[..., tuple[str, str]]) -> None:
    out, err = typed("utc\n")
    assert "Decide" not in out
    assert "content of the store 'ext', and which store here takes it? Write both into the file of decisions" in err
    assert "content of the store 'raw', and its files stay there, so which store here has the same folder?" in err
    assert "Mend this first; then at least 5 questions will be asked." in err


def test_a_folder_of_a_store_that_is_not_there_is_a_fault(
    typed: Callable[..., tuple[str, str]], stores_alone: Path, tmp_path: Path
) -> None:
    text = stores_alone.read_text(encoding="utf-8").splitlines()
    text[1] = f'ext = {{ folder = "{tmp_path / "gone"}", to = "main" }}'
    stores_alone.write_text("\n".join(text), encoding="utf-8")
    out, err = typed("utc\n", "--decisions", stores_alone)
    assert "Decide" not in out
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
        assert f"levada stop`){then}:\n" in err
        assert added.format("raw" if to == "main" else to) in err


def test_an_input_that_ends_says_what_is_missing_and_where_to_write_it(
    typed: Callable[..., tuple[str, str]], stores_alone: Path
) -> None:
    out, err = typed("parent\n", "--decisions", stores_alone)
    assert 'For the file of decisions: "spelling:lab.kin.kin_ibfk_1" = "parent"' in out
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

"""The commands of `levada` for a beginning: init, demo, doctor, shell, and completion in real shells."""

from __future__ import annotations

import io
import json
import os
import re
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from importlib.metadata import files, requires
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import levada as lv
from levada._base import installation
from levada._cli.health import installation as health
from levada._cli.main import main
from tests.support.processes import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

TESTS = ("levada._base.installation", "levada._cli.health.installation", "levada._cli.main")
PATIENCE_S = 60
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no server, and neither of the shells, runs on Windows")
BIN = Path(sys.executable).parent


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working folder without settings around it, in which the server of a root user can work too."""
    for name in ("LEVADA_URL", "LEVADA_TOKEN", "DJ_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", f"{BIN}{os.pathsep}{os.environ['PATH']}")
    with tempfile.TemporaryDirectory(prefix="levada-cli-") as name:
        made = Path(name)
        made.chmod(0o711)
        monkeypatch.setenv("XDG_CONFIG_HOME", str(made / "config"))
        (made / "work").mkdir(0o755)
        monkeypatch.chdir(made / "work")
        yield made / "work"


def levada(*words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run the program."""
    return subprocess.run(
        [BIN / "levada", *words], input=stdin, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )


# ---------------------------------------------------------------------------------------------------- init, demo


def test_a_new_project_runs_with_its_notebook(folder: Path) -> None:
    made = json.loads(levada("init", "My project-2", "--json").stdout)
    assert made["module"] == "my_project_2.pipeline"
    project = folder / "My project-2"
    assert sorted(made["files"]) == sorted(
        str(path.relative_to(project)) for path in project.rglob("*") if path.is_file()
    )
    os.chdir(project)
    try:
        said = subprocess.run(
            [sys.executable, "-m", "my_project_2.pipeline"], capture_output=True, text=True, timeout=PATIENCE_S
        )
        assert said.returncode == 0, said.stderr
        assert "· 4 rows" in said.stdout
        rows = levada("query", "my_project_2.FiringRate", "--json").stdout.splitlines()
        assert len(rows) == 4
        cells = json.loads((project / "first_look.ipynb").read_text(encoding="utf-8"))["cells"]
        code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
        ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE_S)
        assert ran.returncode == 0, ran.stderr
        ignored = (project / ".gitignore").read_text(encoding="utf-8").splitlines()
        assert ".levada/" in ignored
    finally:
        assert levada("stop").returncode == 0


def test_init_overwrites_nothing(folder: Path) -> None:
    (folder / "mine").mkdir()
    (folder / "mine" / "README.md").write_text("mine", encoding="utf-8")
    told = levada("init", "mine")
    assert told.returncode == 1
    assert "is there already; nothing was changed" in told.stderr
    assert [path.name for path in (folder / "mine").iterdir()] == ["README.md"]
    assert levada("init", "123").returncode == 1
    assert levada("init", "class").returncode == 1


def test_the_demo_shows_and_cleans_up(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setenv("LEVADA_URL", "127.0.0.1:1")  # a lab's server is left alone
    told = levada("demo")
    assert told.returncode == 0, told.stderr
    assert told.stdout.count("FiringRate.populate() → 4 computed") == 1
    assert told.stdout.count("FiringRate.populate() → 0 computed") == 1
    assert told.stdout.count("FiringRate.populate() → 1 computed") == 1
    assert [path.name for path in folder.iterdir() if path.name.startswith("levada-demo")] == []


def test_the_demo_says_that_the_server_is_missing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(installation, "_SERVER_MODULES", ("a_module_that_is_missing",))
    assert main(["demo"]) == 1
    assert "a_module_that_is_missing is missing; run python -m pip install" in capsys.readouterr().err


# -------------------------------------------------------------------------------------------------------- doctor


def findings(*words: str) -> tuple[int, dict[str, dict[str, str]]]:
    """Run the doctor; return its exit code, and its findings by what was checked."""
    told = levada("doctor", "--json", *words)
    assert told.stderr == ""
    return told.returncode, {found["check"]: found for found in map(json.loads, told.stdout.splitlines())}


def test_the_doctor_finds_nothing_wrong_and_starts_nothing(folder: Path) -> None:
    code, found = findings()
    assert code == 0
    assert {found[check]["state"] for check in ("python", "levada", "server", "address", "data")} == {"ok"}
    assert "command" not in found  # the one in PATH is this one
    assert not any(folder.iterdir())
    told = levada("doctor")
    assert told.stdout.endswith("\nno problem\n")


def test_the_doctor_imports_one_module_of_each_required_package_and_no_others() -> None:
    required = {re.split(r"[^\w-]", line)[0] for line in requires("levada") or () if "extra ==" not in line}
    provided = {name: {file.with_suffix("").as_posix() for file in files(name) or ()} for name in required}
    for module in health.NEEDED:
        path = module.replace(".", "/")
        providers = [name for name, paths in provided.items() if not paths.isdisjoint({path, f"{path}/__init__"})]
        assert len(providers) == 1, module
        required.discard(providers[0])
    assert required == set()


def test_the_doctor_mends_rights_and_remains(folder: Path) -> None:
    data = folder / ".levada"
    data.mkdir()
    data.chmod(0o777)
    (data / "server.json").write_text('{"address": "unix:/nowhere", "pid": 999999999}', encoding="utf-8")
    tokens = folder.parent / "config" / "levada" / "credentials.json"
    tokens.parent.mkdir(parents=True)
    secret = "lv_not_to_be_shown"
    tokens.write_text(json.dumps([{"address": "https://lab:1", "token": secret, "authority": ""}]), encoding="utf-8")
    tokens.chmod(0o644)
    code, found = findings()
    assert code == 1
    assert {name: found[name]["state"] for name in ("data", "local server", "tokens")} == {
        "data": "problem",
        "local server": "warning",
        "tokens": "problem",
    }
    assert found["tokens"]["advice"] == f"chmod 600 {tokens}"
    assert (data / "server.json").exists()
    code, found = findings("--fix")
    assert code == 0
    assert {found[name]["state"] for name in ("data", "local server", "tokens")} == {"fixed"}
    assert (data.stat().st_mode & 0o022, tokens.stat().st_mode & 0o077) == (0, 0)
    assert not (data / "server.json").exists()
    code, found = findings("--url", "lab:1")
    assert (code, found["token"]["message"]) == (1, "kept by levada login for lab:1")
    assert secret not in json.dumps(found)


def test_the_doctor_names_the_server_and_who_named_it(
    folder: Path, server_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEVADA_URL", server_address)
    with lv.Connection(server_address) as connection:
        schema = lv.Schema("clocks", connection=connection)

        @schema
        class Tick(lv.Lookup):
            definition = "tick : int32"
            contents = ((1,),)

    code, found = findings()
    assert code == 0
    assert found["address"]["message"] == f"{server_address}, named by LEVADA_URL"
    assert found["versions"]["message"].startswith(f"client {lv.__version__}, server ")
    assert found["clock"]["state"] == "ok"
    monkeypatch.setenv("LEVADA_TOKEN", "a-secret")
    code, found = findings()
    assert (code, found["token"]["message"]) == (1, "from LEVADA_TOKEN")
    assert "a-secret" not in json.dumps(found)
    monkeypatch.setenv("LEVADA_URL", "not an address")
    code, found = findings()
    assert (code, found["TLS"]["state"]) == (1, "problem")


def test_the_doctor_looks_at_certificates(folder: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = folder.parent / "server"
    made = levada("certificates", "localhost", "--data-dir", str(data)).stdout
    authority = next(line.split()[1] for line in made.splitlines() if line.startswith("authority"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with Server(database_url, f"localhost:{port}", "--data-dir", str(data)):
        code, found = findings("--url", f"https://localhost:{port}")
        assert (code, found["TLS"]["state"]) == (1, "problem")
        assert "is not trusted" in found["TLS"]["message"]
        settings = f'url = "https://localhost:{port}"\ncertificates = "{authority}"\n'
        (folder / "levada.toml").write_text(settings, encoding="utf-8")
        code, found = findings()
        assert found["address"]["message"] == f"https://localhost:{port}, named by {folder / 'levada.toml'}"
        assert found["TLS"]["state"] == "ok"
        assert "is valid until 20" in found["TLS"]["message"]
        assert found["connection"]["state"] == "ok"  # this user's own server needs no token
        assert code == 0
        monkeypatch.setenv("XDG_STATE_HOME", str(folder))  # as from another machine
        code, found = findings()
        assert (code, found["connection"]["state"]) == (1, "problem")


# --------------------------------------------------------------------------------------------- shell, completion


def test_the_shell_has_the_schemas(folder: Path, server_address: str, lab: lv.VirtualModule) -> None:
    told = levada("shell", "--url", server_address, stdin="print(len(lab.Subject()), lv.__version__)\nexit()\n")
    assert told.returncode == 0, told.stderr
    assert "schemas: lab" in told.stdout
    assert f"3 {lv.__version__}" in told.stdout


def test_without_ipython_the_shell_is_pythons(
    server_address: str, lab: lv.VirtualModule, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "IPython", None)
    monkeypatch.setattr("sys.stdin", io.StringIO("print(len(lab.Subject()))\n"))
    assert main(["shell", "lab", "--url", server_address]) == 0
    assert "\n3\n" in f"\n{capsys.readouterr().out.replace('>>> ', '')}"


BASH = """
eval "$(levada completion bash)"
function=$(complete -p levada | sed 's/.*-F \\([^ ]*\\) .*/\\1/')
COMP_LINE="$1"; COMP_POINT=${#1}; COMP_TYPE=9; COMP_KEY=9
read -ra COMP_WORDS <<< "$1"
[[ "$1" == *" " ]] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
$function levada
printf '%s\\n' "${COMPREPLY[@]}"
"""


def completed(line: str) -> list[str]:
    """Let bash complete a line; return the words that it offers."""
    told = subprocess.run(["bash", "-c", BASH, "bash", line], capture_output=True, text=True, timeout=PATIENCE_S)
    assert (told.returncode, told.stderr) == (0, "")
    return [word.strip() for word in told.stdout.splitlines() if word.strip()]


def test_bash_completes_commands_options_files_and_names(
    folder: Path, server_address: str, lab: lv.VirtualModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEVADA_URL", server_address)
    (folder / "rows.csv").touch()
    assert completed("levada de") == ["demo", "describe", "delete"]
    assert completed("levada jobs ca") == ["cancel"]
    assert completed("levada query lab.Subject --fo") == ["--format"]
    assert completed("levada query lab.S") == ["lab.Species", "lab.Subject", "lab.Session", "lab.Session.Trial"]
    assert completed("levada schemas ") == ["lab"]
    assert completed("levada insert lab.Subject ro") == ["rows.csv"]
    assert completed("levada serve --li") == ["--listen"]


def test_completion_starts_nothing_and_is_silent(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert completed("levada query ") == []
    assert not any(folder.iterdir())
    monkeypatch.setenv("LEVADA_URL", "127.0.0.1:1")
    assert completed("levada query lab.") == []
    (folder / "levada.toml").write_text("not toml", encoding="utf-8")
    monkeypatch.delenv("LEVADA_URL")
    assert completed("levada query lab.") == []


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
def test_zsh_completes_names(
    folder: Path, server_address: str, lab: lv.VirtualModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEVADA_URL", server_address)
    import pty  # Windows has none

    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp("zsh", ["zsh", "-f", "-i"])
    try:
        os.write(terminal, b'PS1="> "; eval "$(levada completion zsh)"; echo rea""dy\n')
        read_until(terminal, b"ready")
        os.write(terminal, b"levada describe lab.Sess\t")
        read_until(terminal, b"lab.Session")
    finally:
        os.close(terminal)
        os.waitpid(pid, 0)


def read_until(terminal: int, words: bytes) -> None:
    """Read what a terminal shows until some words are there."""
    shown, end = b"", time.monotonic() + PATIENCE_S
    while words not in shown:
        assert select.select([terminal], [], [], max(end - time.monotonic(), 0))[0], shown
        shown += os.read(terminal, 4096)


LOADED = """
import atexit, sys
atexit.register(lambda: print(*sys.modules, file=sys.stderr))
from levada._cli.main import main
main(sys.argv[1:])
"""


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["query", "--help"], ["completion", "bash"]])
def test_answers_come_before_slow_packages_are_imported(words: list[str]) -> None:
    told = subprocess.run([sys.executable, "-c", LOADED, *words], capture_output=True, text=True, timeout=PATIENCE_S)
    assert told.returncode == 0
    assert "levada._cli.main" in told.stderr.split()
    assert {"numpy", "pyarrow", "grpc", "rich"} & set(told.stderr.split()) == set()

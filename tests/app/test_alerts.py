"""Failed jobs, lost workers and failed backups are reported to people: together, once, over a webhook and by mail."""

from __future__ import annotations

import asyncio
import email
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from levada_server.certificates import make_certificates
from levada_server.cli import main
from levada_server.config import AlertSettings, MailSettings, read_alerts
from levada_server.errors import InvalidRequest
from levada_server.jobs.lease import Failure
from levada_server.jobs.signing import lease_content
from levada_server.model.table import Tier
from levada_server.monitoring import alerts
from levada_server.monitoring.alerts import Alerts
from levada_server.operations.completion import results
from levada_server.storage.backup.attempts import record_attempt
from levada_server.storage.postgres.database import Database
from levada_server.storage.postgres.migrations import migration_files
from tests.support import make
from tests.support.make import ME, named
from tests.support.receivers import mail_server, webhook

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import asyncpg

    from levada_server.operations.context import Engine
    from tests.support.receivers import MailServer, Webhook

SECRET = "the-password"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing waits, unless a test says so."""
    for name in ("QUIET", "LAG", "SILENCE", "FIRST_PAUSE"):
        monkeypatch.setattr(alerts, name, timedelta(0))


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with webhook() as kept:
        yield kept


@pytest.fixture
def post(tmp_path: Path) -> Iterator[tuple[MailServer, MailSettings]]:
    made = make_certificates(tmp_path / "tls", ["127.0.0.1"])
    with mail_server(made.certificate, made.certificate.with_suffix(".key")) as server:
        yield (
            server,
            MailSettings(
                "127.0.0.1",
                server.port,
                "levada@lab.org",
                ("anna@lab.org", "ben@lab.org"),
                "levada",
                SECRET,
                made.authority,
            ),
        )


@pytest_asyncio.fixture
async def failing(engine: Engine) -> Engine:
    """`Stat` with six jobs; five failed in two ways, and one waits."""
    await make.make_table(engine, "Session", "session : int32\n---\nrate : float64\n")
    await make.make_table(engine, "Stat", "-> Session\n---\nmean : float64\n", Tier.COMPUTED)
    await make.insert(engine, "Session", [{"session": i, "rate": i / 2} for i in range(6)])
    await make.refresh(engine, "Stat")
    await fail(engine, 5)
    return engine


async def fail(engine: Engine, count: int) -> None:
    """Let some jobs fail, if there are some."""
    session = await make.make_session(engine)
    for number, lease in enumerate(await make.reserve(engine, session, "Stat", count)):
        error = Failure("ValueError" if number % 2 else "Odd\x1b[31m<!channel>", "of subject 12", "stack")
        token, nothing = lease_content(lease).token, timedelta(0)
        await results.fail(engine, ME, named("Stat"), lease.job_id, token, error, duration=nothing, code_version="")


async def test_a_message_names_tables_and_numbers_once_and_no_key_or_text_of_an_error(
    failing: Engine, hook: Webhook
) -> None:
    told = Alerts(failing, AlertSettings(hook.url, None))
    await told.round()
    await told.round()
    (text,) = hook.texts
    assert text.endswith("5 jobs of lab.Stat failed (Odd [31m&lt;!channel&gt;, ValueError)")
    assert "12" not in text
    await fail(failing, 1)
    await told.round()
    assert hook.texts[1].endswith("1 job of lab.Stat failed (Odd [31m&lt;!channel&gt;)")


async def test_lost_workers_and_failed_backups_are_told_of(
    engine: Engine, hook: Webhook, connection: asyncpg.Connection[asyncpg.Record]
) -> None:
    lost, _ = await make.make_session(engine), await make.make_session(engine)
    told = Alerts(engine, AlertSettings(hook.url, None))
    await told.round()
    assert hook.texts == []
    await connection.execute("UPDATE levada.worker_session SET expire_time = clock_timestamp() WHERE id = $1", lost)
    assert isinstance(engine.scope, Database)
    await record_attempt(engine.scope)
    await record_attempt(engine.scope, "The disk is full.")
    await told.round()
    (text,) = hook.texts
    assert [line.partition("(")[0] for line in text.partition(": ")[2].splitlines()] == [
        "1 worker fell silent ",
        "a backup failed ",
    ]
    assert text.endswith("(The disk is full.)")


async def test_of_two_servers_only_one_sends(failing: Engine, hook: Webhook) -> None:
    settings = AlertSettings(hook.url, None)
    servers = [Alerts(failing, settings) for _ in range(4)]
    for _ in range(3):
        await asyncio.gather(*(server.round() for server in servers))
    assert len(hook.texts) == 1


async def test_troubles_of_some_minutes_share_a_message(
    failing: Engine, hook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerts, "QUIET", timedelta(minutes=10))
    told = Alerts(failing, AlertSettings(hook.url, None))
    await told.round()
    await fail(failing, 1)
    await told.round()
    assert len(hook.texts) == 1
    monkeypatch.setattr(alerts, "QUIET", timedelta(0))
    await told.round()
    assert len(hook.texts) == 2


async def test_a_message_waits_for_a_webhook_that_fails_and_is_given_up_in_the_end(
    failing: Engine,
    hook: Webhook,
    connection: asyncpg.Connection[asyncpg.Record],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    hook.status = 503
    monkeypatch.setattr(alerts, "FIRST_PAUSE", timedelta(minutes=1))
    told = Alerts(failing, AlertSettings(hook.url, None))
    await told.round()
    await told.round()
    assert [record.getMessage() for record in caplog.records if record.name == "levada.server"] == [
        "an alert cannot be sent (webhook: status 503); it waits 0:01:00"
    ]
    await connection.execute("UPDATE levada.alert SET next_time = now()")
    hook.status = 200
    await told.round()
    assert len(hook.texts) == 1
    await fail(failing, 1)
    hook.status, hook.redirect = 302, "http://127.0.0.1:1/elsewhere"
    monkeypatch.setattr(alerts, "MAX_ATTEMPTS", 1)
    await told.round()
    assert "(webhook: status 302) and is given up" in caplog.records[-1].getMessage()
    hook.status = 200
    await told.round()
    assert len(hook.texts) == 1
    assert hook.url not in caplog.text


async def test_mail_goes_encrypted_and_with_a_password(
    failing: Engine, hook: Webhook, post: tuple[MailServer, MailSettings]
) -> None:
    server, settings = post
    await Alerts(failing, AlertSettings(hook.url, settings)).round()
    ((user, password, sender, recipients, text),) = server.mails
    assert (user, password) == ("levada", SECRET)
    assert "levada@lab.org" in sender
    assert len(recipients) == 2
    message = email.message_from_string(text)
    assert message["Subject"].split(": ")[1].startswith("5 jobs of lab.Stat failed (Odd [31m<!channel>")
    assert "5 jobs of lab.Stat failed" in str(message.get_payload())
    assert len(hook.texts) == 1


@pytest.mark.parametrize("fault", ["in the clear", "unknown authority"])
async def test_no_password_goes_where_others_could_read_it(
    failing: Engine,
    post: tuple[MailServer, MailSettings],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
) -> None:
    server, settings = post
    monkeypatch.setattr(MailSettings, "stays_here", False)
    monkeypatch.setattr(alerts, "FIRST_PAUSE", timedelta(minutes=1))
    if fault == "in the clear":
        server.encrypts = False
    else:
        settings = replace(settings, authority=None)
    await Alerts(failing, AlertSettings(None, settings)).round()
    assert server.mails == []
    assert "an alert cannot be sent (mail: " in caplog.text
    assert SECRET not in caplog.text


@pytest.mark.parametrize("older", [False, True], ids=["new", "of an older release"])
async def test_failed_jobs_are_found_by_an_index(
    failing: Engine, connection: asyncpg.Connection[asyncpg.Record], older: bool
) -> None:
    table = (await make.catalog(failing)).tables[named("Stat")]
    if older:
        (migration,) = (text for _, name, text in migration_files() if name == "operations")
        await connection.execute(f"DROP INDEX levada_jobs.t{table.id}_error")
        await connection.execute(migration[migration.index("DO $$") :])
    await connection.execute("SET enable_seqscan = off")
    plan = await connection.fetch(
        f"EXPLAIN SELECT count(*) FROM levada_jobs.t{table.id} WHERE _state = 'error' AND _finished_time > now()"  # noqa: S608
    )
    assert any(f"t{table.id}_error" in row[0] for row in plan)


def trial_file(folder: Path, hook: Webhook, settings: MailSettings) -> Path:
    """Write settings of alerts for both channels."""
    file = folder / "alerts.toml"
    recipients = ", ".join(f'"{one}"' for one in settings.recipients)
    file.write_text(
        f'[webhook]\nurl = "{hook.url}"\n[mail]\nserver = "{settings.host}:{settings.port}"\n'
        f'from = "{settings.sender}"\nto = [{recipients}]\nuser = "{settings.user}"\n'
        f'password = "{SECRET}"\nauthority = "{settings.authority}"\n'
    )
    file.chmod(0o600)
    return file


def test_a_trial_alert_goes_over_every_channel(
    tmp_path: Path, hook: Webhook, post: tuple[MailServer, MailSettings], capsys: pytest.CaptureFixture[str]
) -> None:
    server, settings = post
    trial_file(tmp_path, hook, settings)
    assert main(["try-alerts", "--data-dir", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "webhook: accepted\nmail: accepted\n"
    (text,), ((*_, mail),) = hook.texts, server.mails
    assert "this is a trial" in text
    assert "this is a trial" in email.message_from_string(mail)["Subject"]


def test_a_trial_alert_says_which_channel_failed_and_tries_the_others(
    tmp_path: Path, hook: Webhook, post: tuple[MailServer, MailSettings], capsys: pytest.CaptureFixture[str]
) -> None:
    server, settings = post
    hook.status = 404
    assert main(["try-alerts", "--alerts", str(trial_file(tmp_path, hook, settings))]) == 1
    told = capsys.readouterr()
    assert (told.out, told.err) == (
        "mail: accepted\n",
        "levada try-alerts: webhook: not accepted (status 404)\n",
    )
    assert len(server.mails) == 1


def test_a_trial_alert_without_settings_names_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["try-alerts", "--data-dir", str(tmp_path)]) == 1
    assert capsys.readouterr().err == (
        f"levada try-alerts: {tmp_path}/alerts.toml cannot be read: no such file or directory.\n"
    )


GOOD = '[webhook]\nurl = "https://hooks.example.org/a"\n'
MAIL = '[mail]\nserver = "smtp.example.org:587"\nfrom = "levada@lab.org"\nto = ["anna@lab.org"]\n'


def read(folder: Path, text: str, mode: int = 0o600) -> AlertSettings:
    file = folder / "alerts.toml"
    file.write_text(text)
    file.chmod(mode)
    return read_alerts(file)


def test_the_file_says_whom_to_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mail = MailSettings("smtp.example.org", 587, "levada@lab.org", ("anna@lab.org",))
    assert read(tmp_path, GOOD) == AlertSettings("https://hooks.example.org/a", None)
    assert read(tmp_path, MAIL, 0o644) == AlertSettings(None, mail)
    more = 'user = "levada"\npassword = "p"\nauthority = "ca.pem"\n'
    known = replace(mail, user="levada", password="p", authority=tmp_path / "ca.pem")
    assert read(tmp_path, MAIL + more) == AlertSettings(None, known)
    monkeypatch.setenv("LEVADA_WEBHOOK_URL", "https://hooks.example.org/b")
    monkeypatch.setenv("LEVADA_SMTP_PASSWORD", "q")
    text = f'[webhook]\n{MAIL}user = "levada"\n'
    found = read(tmp_path, text, 0o644)
    assert found == AlertSettings("https://hooks.example.org/b", replace(mail, user="levada", password="q"))
    assert "hooks" not in repr(found)
    assert "'q'" not in repr(found)


@pytest.mark.parametrize(
    ("text", "mode", "told"),
    [
        ("", 0o600, "neither the table"),
        ("[slack]\n", 0o600, "nothing else"),
        ("webhook = 1\n", 0o600, "nothing else"),
        ("[webhook]\n", 0o600, "LEVADA_WEBHOOK_URL"),
        ('[webhook]\nurl = "http://hooks.example.org/secret"\n', 0o600, "must begin with https://"),
        (GOOD, 0o640, "chmod 600"),
        (MAIL + 'user = "levada"\n', 0o600, "LEVADA_SMTP_PASSWORD"),
        (MAIL + 'user = "levada"\npassword = "p"\n', 0o644, "chmod 600"),
        (MAIL + "port = 25\n", 0o600, "[mail] has the texts"),
        (MAIL.replace(":587", ""), 0o600, "host:port"),
        (MAIL.replace('["anna@lab.org"]', "[]"), 0o600, "a list of addresses"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused_without_its_secrets(
    tmp_path: Path, text: str, mode: int, told: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read(tmp_path, text, mode)
    assert told in caught.value.message
    assert "secret" not in caught.value.message.replace("holds a secret", "")

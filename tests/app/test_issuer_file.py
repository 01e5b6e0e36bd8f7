"""The file that names the issuer of identities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from levada_server.config import read_issuer
from levada_server.errors import InvalidRequest
from levada_server.permissions.id_tokens import IssuerSettings

if TYPE_CHECKING:
    from pathlib import Path

GOOD = 'url = "https://id.example.org"\nclient_id = "levada"\n'


def read(folder: Path, text: str, mode: int = 0o600) -> IssuerSettings:
    file = folder / "issuer.toml"
    file.write_text(text)
    file.chmod(mode)
    return read_issuer(file)


def test_it_names_the_issuer(tmp_path: Path) -> None:
    assert read(tmp_path, GOOD, 0o644) == IssuerSettings("https://id.example.org", "levada")
    more = 'user_claim = "email"\ngroup = "lab"\ngroup_claim = "memberOf"\nadd_users = true\nclient_secret = "s"\n'
    assert read(tmp_path, GOOD + more) == IssuerSettings(
        "https://id.example.org", "levada", "s", "email", "lab", "memberOf", add_users=True
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no `url`"),
        ('url = "https://id.example.org"\n', "no `client_id`"),
        (GOOD + 'secret = "s"\n', "`secret`"),
        (GOOD + 'add_users = "yes"\n', "true or false"),
        (GOOD + "group = 1\n", "a text"),
        (GOOD.replace("https", "http"), "https://"),
        (GOOD.replace("https://", ""), "https://"),
        ("url", "TOML"),
    ],
)
def test_other_contents_are_refused(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(InvalidRequest, match=told):
        read(tmp_path, text)


def test_a_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="chmod 600"):
        read(tmp_path, GOOD + 'client_secret = "s"\n', 0o640)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="cannot be read"):
        read_issuer(tmp_path / "issuer.toml")

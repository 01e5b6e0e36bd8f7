"""Credentials in a file, and in the keyring of the system."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked

from levada._net.credentials import Credential, find_credential, forget_credential, keep_credential
from levada.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TESTS = ("levada._net.credentials", "levada._net.keyring")
SERVER = "lab.example.org:50051"
KEPT = Credential("lev_x", "authority")


class Memory(KeyringBackend):
    """A keyring in memory."""

    priority = 1

    def __init__(self) -> None:
        self.locked = False
        self.deaf = False
        self.content: dict[tuple[str, str], str] = {}

    def _open(self) -> dict[tuple[str, str], str]:
        if self.locked:
            raise KeyringLocked
        return self.content

    def get_password(self, service: str, username: str) -> str | None:
        return self._open().get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        if not self.deaf:
            self._open()[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self._open()[service, username]


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Memory]:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("LEVADA_CREDENTIALS", raising=False)
    before, made = keyring.get_keyring(), Memory()
    keyring.set_keyring(made)
    yield made
    keyring.set_keyring(before)


def test_a_keyring_has_the_token_and_the_file_the_rest(memory: Memory) -> None:
    file = keep_credential(SERVER, KEPT)
    assert "lev_x" not in file.read_text()
    assert list(memory.content.values()) == ["lev_x"]
    assert find_credential(SERVER) == KEPT
    assert forget_credential(SERVER)
    assert memory.content == {}
    assert find_credential(SERVER) is None


def test_a_locked_keyring_is_told_and_not_taken_for_no_token(memory: Memory) -> None:
    keep_credential(SERVER, KEPT)
    memory.locked = True
    with pytest.raises(InvalidRequest, match="keyring"):
        find_credential(SERVER)
    assert forget_credential(SERVER)


@pytest.mark.parametrize("state", ["locked", "deaf"])
def test_without_a_usable_keyring_the_file_has_the_token(memory: Memory, state: str) -> None:
    setattr(memory, state, True)
    file = keep_credential(SERVER, KEPT)
    assert json.loads(file.read_text())[0]["token"] == "lev_x"
    assert file.stat().st_mode & 0o777 == 0o600
    assert find_credential(SERVER) == KEPT


def test_a_file_that_is_named_has_the_token(memory: Memory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = keep_credential(SERVER, KEPT, tmp_path / "job.json")
    assert memory.content == {}
    monkeypatch.setenv("LEVADA_CREDENTIALS", str(file))
    assert find_credential(SERVER) == KEPT


def test_a_file_that_others_can_read_is_refused(memory: Memory) -> None:
    file = keep_credential(SERVER, KEPT)
    file.chmod(0o640)
    for attempt in (lambda: find_credential(SERVER), lambda: keep_credential(SERVER, KEPT)):
        with pytest.raises(InvalidRequest, match="chmod 600"):
            attempt()

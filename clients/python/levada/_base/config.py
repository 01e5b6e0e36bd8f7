"""Settings of this process, as a mapping: `config["safemode"]`."""

from __future__ import annotations

import getpass
import json
import logging
import os
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from levada._base.errors import InvalidRequest, warn

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

Setting: TypeAlias = Any  # whatever a user keeps under a name

_DEFAULTS: dict[str, Any] = {
    "safemode": True,
    "display.limit": 12,
    "display.width": 14,
    "display.show_tuple_count": True,
    "fetch_format": "array",
    "aggr.keep_all_rows": True,
    "codecs.decode": True,
    "custom": {},
    "loglevel": "WARNING",
    "stores": {},
    **dict.fromkeys(("database.host", "database.password", "database.port", "database.use_tls")),
}
_LOCAL_FILE = Path("dj_local_conf.json")
_GLOBAL_FILE = Path("~/.datajoint_config.json")
_ENVIRONMENT = {
    "DJ_HOST": "database.host",
    "DJ_LOG_LEVEL": "loglevel",
    "DJ_PASS": "database.password",
    "DJ_PORT": "database.port",
    "DJ_USER": "database.user",
}
_MEANINGLESS = {
    **dict.fromkeys(
        ("database.host", "database.password", "database.port", "database.use_tls", "database.user"),
        "the address and the token of a server come from LEVADA_URL and LEVADA_TOKEN, or from levada.toml",
    ),
    **dict.fromkeys(
        ("connection.charset", "connection.init_function", "database.reconnect"), "only the server opens a database"
    ),
    **dict.fromkeys(("add_hidden_timestamp", "enable_python_native_blobs"), "there is nothing to switch"),
    **dict.fromkeys(("download_path", "query_cache"), "nothing is kept on this machine"),
}
"""DataJoint's settings that are kept, and do nothing: why."""


class Config(MutableMapping[str, Any]):
    """Settings by name: `config["display.limit"]` or `config.display.limit`. Unknown names are kept for their users.

    `safemode`: ask before rows or tables are deleted. `display.limit`, `display.width`: rows and letters a column of a
    preview. `display.show_tuple_count`: count the rows below it. `fetch_format`: what the older `fetch()` gives.
    `aggr.keep_all_rows`: `aggr` keeps entities without a match. `codecs.decode`: codecs decode what is fetched; False
    gives what is stored. `loglevel`: of `levada.logger`. `stores`: where this machine sees the folders of the server's
    stores, `{"raw": {"location": "/mnt/raw"}}`. `cache`: the folder for copies of stored files.

    DataJoint's files and variables are read too: `~/.datajoint_config.json`, then `dj_local_conf.json` in the working
    folder, then `DJ_*`. A setting of theirs that does nothing here is kept, with a warning.
    """

    def __init__(self) -> None:
        self._values: dict[str, Any] = {**_DEFAULTS, "custom": {}, "stores": {}, "database.user": _user_name()}

    def __getitem__(self, name: str) -> Setting:
        return self._values[name]

    def __setitem__(self, name: str, value: Setting) -> None:
        if name in _MEANINGLESS and value != self._values.get(name):
            warn(f"The setting `{name}` does nothing here: {_MEANINGLESS[name]}.")
        self._set(name, value)

    def __delitem__(self, name: str) -> None:
        del self._values[name]

    def __getattr__(self, name: str) -> Setting:
        return _setting(self, name)

    def __setattr__(self, name: str, value: Setting) -> None:
        if name.startswith("_"):
            super().__setattr__(name, value)
        else:
            self[name] = value

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return "\n".join(f"{name} = {value!r}" for name, value in self._values.items())

    @contextmanager
    def override(self, **settings: Setting) -> Iterator[Config]:
        """Change settings within a `with` block; `__` in a name stands for the point."""
        before = dict(self._values)
        self._values.update({name.replace("__", "."): value for name, value in settings.items()})
        try:
            yield self
        finally:
            self._values = before

    def __call__(self, **settings: Setting) -> AbstractContextManager[Config]:
        """Do as `override`, which older code calls like this."""
        return self.override(**settings)

    def load(self, filename: str | os.PathLike[str] = _LOCAL_FILE) -> None:
        """Read settings from a JSON file, with a warning for those that do nothing here.

        Raises:
            InvalidRequest: It holds no JSON object.
            OSError: It cannot be read.
        """
        self.update(_read(Path(filename)))

    def save(self, filename: str | os.PathLike[str]) -> None:
        """Write all settings into a JSON file, for `load`.

        Raises:
            TypeError: A value is nothing that JSON has.
        """
        Path(filename).expanduser().write_text(json.dumps(self._values, indent=4) + "\n", encoding="utf-8")

    def save_local(self) -> None:
        """Write all settings into `dj_local_conf.json`, which is read where Python starts in this folder."""
        self.save(_LOCAL_FILE)

    def save_global(self) -> None:
        """Write all settings into `~/.datajoint_config.json`, which is read wherever Python starts."""
        self.save(_GLOBAL_FILE)

    def adopt(self) -> None:
        """Take over the settings of DataJoint's files and variables, with one warning for all that do nothing here."""
        found: dict[str, Any] = {}
        for file in (_GLOBAL_FILE, _LOCAL_FILE):
            try:
                found |= _read(file.expanduser())
            except FileNotFoundError:
                continue
            except (InvalidRequest, OSError) as error:
                warn(f"The settings in {file} are left out. {error}")
        found |= {name: os.environ[variable] for variable, name in _ENVIRONMENT.items() if os.environ.get(variable)}
        idle = sorted(name for name, value in found.items() if name in _MEANINGLESS and value != self._values.get(name))
        for name, value in found.items():
            self._set(name, value)
        if idle:
            warn(f"Settings of DataJoint that do nothing here: {', '.join(idle)}.")

    def datajoint_host(self) -> tuple[str, str] | None:
        """Give the database host that a setting names, and which setting that is; None if none does."""
        if host := os.environ.get("DJ_HOST"):
            return host, "The environment variable DJ_HOST"
        if _LOCAL_FILE.is_file() and (host := _read(_LOCAL_FILE).get("database.host")):
            return host, str(_LOCAL_FILE)
        if host := self._values["database.host"]:
            return host, 'config["database.host"]'
        return None

    def _set(self, name: str, value: Setting) -> None:
        self._values[name] = value
        if name == "loglevel":
            logging.getLogger("levada").setLevel(str(value).upper())


class _Section:
    """The settings whose names begin alike: `config.display` has `limit` and `width`."""

    def __init__(self, config: Config, prefix: str) -> None:
        object.__setattr__(self, "_config", config)
        object.__setattr__(self, "_prefix", prefix)

    def __getattr__(self, name: str) -> Setting:
        return _setting(self._config, self._prefix + name)

    def __setattr__(self, name: str, value: Setting) -> None:
        self._config[self._prefix + name] = value


def _setting(config: Config, name: str) -> Setting:
    """Give a setting, or the section of that name.

    Raises:
        AttributeError: There is neither.
    """
    if name.startswith("_"):  # Python looks for some before there are settings
        raise AttributeError(name)
    if name in config:
        return config[name]
    if any(known.startswith(f"{name}.") for known in config):
        return _Section(config, f"{name}.")
    raise AttributeError(f"There is no setting `{name}`; set it with config[{name!r}] = ….")


def _read(file: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InvalidRequest(f"{file} is no valid JSON: {error}.") from None
    if not isinstance(content, dict):
        raise InvalidRequest(f"{file} holds no JSON object of settings.")
    return content


def _user_name() -> str | None:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no such user, as in some containers
        return None


config = Config()
config.adopt()

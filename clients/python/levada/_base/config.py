"""Settings of this process, as a mapping: `config["safemode"]`."""

from __future__ import annotations

import copy
import difflib
import getpass
import json
import logging
import os
import re
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from levada._base.display import Cell, Column, Table
from levada._base.errors import InvalidRequest, warn
from levada._base.folders import is_ours_alone, warn_of_others

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

Setting: TypeAlias = Any  # whatever a user keeps under a name

_logger = logging.getLogger("levada")

DEFAULTS: dict[str, Any] = {
    "safemode": True,
    "display.limit": 12,
    "display.width": 14,
    "display.show_tuple_count": True,
    "display.full_tracebacks": False,
    "display.diagram_direction": "TB",
    "display.diagram_theme": "auto",
    "fetch_format": "array",
    "download_path": ".",
    "aggr.keep_all_rows": True,
    "codecs.decode": True,
    "custom": {},
    "loglevel": "WARNING",
    "stores": {},
    "query_cache": None,
    "jobs.auto_refresh": True,
    "jobs.default_priority": 5,
    "jobs.keep_completed": True,
    "jobs.stale_timeout": 3600,
    "jobs.version_method": None,
    "jobs.allow_new_pk_fields_in_computed_tables": True,
    "jobs.add_job_metadata": True,
    "provenance.capture": True,
    "provenance.source": {},
    "database.host": None,
    "database.password": None,
    "database.port": 3306,
    "database.use_tls": None,
    "database.backend": "postgresql",
    "database.name": None,
    "database.reconnect": True,
    "database.database_prefix": "",
    "database.create_tables": True,
    "connection.charset": "",
    "connection.init_function": None,
    "enable_python_native_blobs": True,
    "add_hidden_timestamp": False,
    "filepath_checksum_size_limit": None,
    "filepath_checksum_size_limit_insert": None,
    "ignore_config_file": False,
}
LOCAL_FILE = Path("dj_local_conf.json")
PROJECT_FILE = Path("datajoint.json")
GLOBAL_FILE = Path("~/.datajoint_config.json")
HOST = "database.host"
"""The setting that names the database of DataJoint's users."""
HOST_VARIABLE = "DJ_HOST"
_ENVIRONMENT = {
    "DJ_DATABASE_PREFIX": "database.database_prefix",
    "DJ_DIAGRAM_DIRECTION": "display.diagram_direction",
    HOST_VARIABLE: HOST,
    "DJ_LOG_LEVEL": "loglevel",
    "DJ_PASS": "database.password",
    "DJ_PORT": "database.port",
    "DJ_USER": "database.user",
}
MEANINGLESS = {
    **dict.fromkeys(
        ("database.host", "database.password", "database.port", "database.use_tls", "database.user"),
        "the address and the token of a server come from LEVADA_URL and LEVADA_TOKEN, or from levada.toml",
    ),
    **dict.fromkeys(
        (
            "connection.charset",
            "connection.init_function",
            "database.backend",
            "database.name",
            "database.reconnect",
        ),
        "only the server opens a database",
    ),
    **dict.fromkeys(("add_hidden_timestamp", "enable_python_native_blobs"), "there is nothing to switch"),
    "query_cache": "every fetch asks the server",
    "jobs.keep_completed": "finished jobs are always kept",
    "jobs.stale_timeout": "the jobs of a lost worker go to others as soon as its lease has run out",
    "jobs.version_method": "the version of the code of `make` is always recorded",
    "jobs.allow_new_pk_fields_in_computed_tables": "they are always allowed",
    **dict.fromkeys(
        ("jobs.add_job_metadata", "provenance.capture", "provenance.source"),
        "jobs always record their times, their worker, and what they read",
    ),
    **dict.fromkeys(
        ("filepath_checksum_size_limit", "filepath_checksum_size_limit_insert"), "every file is always checked"
    ),
    "ignore_config_file": "the files are read when Python starts; set the variable DJ_IGNORE_CONFIG_FILE instead",
}
"""DataJoint's settings that are kept but have no effect, with the reason."""


_REMOVAL_FROM_FILE = "delete its line in the file, or move the file away"
_SECRET = re.compile(r"pass(word|wd)?$|secret|token|credential|(access|api|private)_?key", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class NamedHost:
    """A database host in the settings.

    Args:
        place: The setting, file or variable that names it.
        removal: How its user takes it away there.
    """

    host: str
    place: str
    removal: str


class Config(MutableMapping[str, Any]):
    """Settings by name: `config["display.limit"]` or `config.display.limit`. Unknown names are kept.

    `safemode`: ask before rows or tables are deleted. `display.limit`, `display.width`: the number of rows and the
    width of a column in a preview. `display.show_tuple_count`: count the rows below it. `display.full_tracebacks`:
    show the lines of this package in tracebacks. `fetch_format`: the form that
    the older `fetch()` returns. `download_path`: where `fetch` puts the files of attachments. `aggr.keep_all_rows`:
    `aggr` keeps entities without a match. `codecs.decode`: codecs decode fetched values; False returns the stored
    values. `loglevel`: the level of `levada.logger`. `stores`: where the folders of the server's stores are mounted on
    this machine, `{"raw": {"location": "/mnt/raw"}}`. `cache`: the folder for copies of stored files.
    `jobs.auto_refresh`, `jobs.default_priority`: whether `populate` looks for new keys, and the priority of their jobs.
    `database.create_tables`: whether a schema declares its classes. `display.diagram_direction`: `"TB"` draws parents
    above their children, `"LR"` to the left of them. `display.diagram_theme`: `"auto"` draws as the reader's browser
    prefers, or else `"light"` or `"dark"`.

    DataJoint's files and variables are read too: `~/.datajoint_config.json`, then `datajoint.json` and
    `dj_local_conf.json` in the working folder, unless others can write there, then `DJ_*`. Settings that have no effect
    here are kept, with a warning.
    """

    def __init__(self) -> None:
        self._values: dict[str, Any] = {**copy.deepcopy(DEFAULTS), "database.user": _user_name()}
        self._told: set[str] = set()
        self._host_file: Path | None = None
        """The file that named the database host, if no code named another since."""

    def __getitem__(self, name: str) -> Setting:
        return self._values[name]

    def __setitem__(self, name: str, value: Setting) -> None:
        _check(name, value)
        if name in MEANINGLESS and value != self._values.get(name) and name not in self._told:
            self._told.add(name)
            warn(f"The setting `{name}` has no effect here: {MEANINGLESS[name]}.")
        if name == HOST:
            self._host_file = None
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
        return "\n".join(f"{name} = {value!r}" for name, value in self._effective())

    def _repr_html_(self) -> str:
        rows = [[Cell(name), Cell(repr(value))] for name, value in self._effective()]
        return Table([Column("setting"), Column("value", width=80)], rows).html()

    def _effective(self) -> list[tuple[str, Setting]]:
        """The settings that have an effect, or that a user made up, without secrets."""
        kept = {name: value for name, value in self._values.items() if name not in MEANINGLESS}
        return [(name, _without_secrets(name, value)) for name, value in kept.items()]

    @contextmanager
    def override(self, **settings: Setting) -> Iterator[Config]:
        """Change settings within a `with` block; `__` in a name means a point."""
        before = dict(self._values)
        self._values.update({name.replace("__", "."): value for name, value in settings.items()})
        try:
            yield self
        finally:
            self._values = before

    def __call__(self, **settings: Setting) -> AbstractContextManager[Config]:
        """Do the same as `override`, under the name that older code uses."""
        return self.override(**settings)

    def load(self, filename: str | os.PathLike[str] = LOCAL_FILE) -> None:
        """Read settings from a JSON file, with a warning about settings that have no effect here.

        Raises:
            InvalidRequest: It does not contain a JSON object.
            OSError: It cannot be read.
        """
        self.update(_read(Path(filename)))

    def save(self, filename: str | os.PathLike[str], verbose: bool = False) -> None:
        """Write all settings into a JSON file, for `load`.

        Args:
            filename: The file.
            verbose: Also log its name.

        Raises:
            TypeError: A value cannot be written as JSON.
        """
        Path(filename).expanduser().write_text(json.dumps(self._values, indent=4) + "\n", encoding="utf-8")
        if verbose:
            _logger.info("The settings were saved in %s.", filename)

    def save_local(self, verbose: bool = False) -> None:
        """Write all settings into `dj_local_conf.json`, which is read when Python starts in this folder."""
        self.save(LOCAL_FILE, verbose)

    def save_global(self, verbose: bool = False) -> None:
        """Write all settings into `~/.datajoint_config.json`, which is read wherever Python starts."""
        self.save(GLOBAL_FILE, verbose)

    def get_store_spec(self, store: str) -> Mapping[str, Any]:
        """Return the setting of a store: where its folder is mounted on this machine.

        Raises:
            InvalidRequest: There is none.
        """
        spec = self["stores"].get(store)
        if not isinstance(spec, Mapping):
            raise InvalidRequest(
                f"The setting `stores` has nothing about the store {store!r}. The server knows all stores; only one "
                "whose folder is mounted at another place on this machine needs a setting."
            )
        return spec

    def adopt(self) -> None:
        """Load the settings from DataJoint's files and variables, with one warning for all that have no effect here."""
        found: dict[str, Any] = {}
        ignored = os.environ.get("DJ_IGNORE_CONFIG_FILE", "").lower() in ("1", "true", "yes", "on")
        for file in () if ignored else (GLOBAL_FILE, *_files_here()):
            try:
                settings = _read(file.expanduser())
            except FileNotFoundError:
                continue
            except (InvalidRequest, OSError) as error:
                warn(f"The settings in {file} are ignored. {error}")
            else:
                found |= settings
                self._host_file = file if HOST in settings else self._host_file
        found |= {name: os.environ[variable] for variable, name in _ENVIRONMENT.items() if os.environ.get(variable)}
        idle = sorted(name for name, value in found.items() if name in MEANINGLESS and value != self._values.get(name))
        for name, value in found.items():
            self._set(name, value)
        if idle:
            warn(f"Settings of DataJoint that have no effect here: {', '.join(idle)}.")

    def datajoint_host(self) -> NamedHost | None:
        """Return the database host in the settings; None if there is none."""
        if host := os.environ.get(HOST_VARIABLE):
            return NamedHost(host, f"The environment variable {HOST_VARIABLE}", "unset the variable")
        for file in (LOCAL_FILE, PROJECT_FILE):  # whoever wrote it: all that it does is an error
            if host := host_in(file):
                return NamedHost(host, str(file), _REMOVAL_FROM_FILE)
        host = self._values[HOST]
        if host and self._host_file is not None:
            return NamedHost(host, str(self._host_file), _REMOVAL_FROM_FILE)
        return NamedHost(host, f'config["{HOST}"]', "delete the line that sets it") if host else None

    def _set(self, name: str, value: Setting) -> None:
        self._values[name] = value
        if name == "loglevel":
            _logger.setLevel(str(value).upper())


def _check(name: str, value: Setting) -> None:
    """Refuse what would fail later, far from here; doubt a name that differs from a setting's by a slip.

    Raises:
        InvalidRequest: A setting of the display has another type.
    """
    if name in DEFAULTS:
        kind = type(DEFAULTS[name])
        if name.startswith("display.") and type(value) is not kind:
            raise InvalidRequest(
                f"The setting `{name}` is of type {kind.__name__}, as {DEFAULTS[name]!r}, not {value!r}."
            )
    elif near := difflib.get_close_matches(name, DEFAULTS, n=1, cutoff=0.85):
        warn(f"There is no setting `{name}`, but it is kept. Did you mean `{near[0]}`?")


def _without_secrets(name: str, value: Setting) -> Setting:
    """Return a setting to be shown, with `***` for what its name calls a secret."""
    if isinstance(value, Mapping):
        return {inner: _without_secrets(str(inner), one) for inner, one in value.items()}
    return "***" if value and _SECRET.search(name) else value


class _Section:
    """The settings with a common prefix: `config.display` has `limit` and `width`."""

    def __init__(self, config: Config, prefix: str) -> None:
        object.__setattr__(self, "_config", config)
        object.__setattr__(self, "_prefix", prefix)

    def __getattr__(self, name: str) -> Setting:
        return _setting(self._config, self._prefix + name)

    def __setattr__(self, name: str, value: Setting) -> None:
        self._config[self._prefix + name] = value


def _setting(config: Config, name: str) -> Setting:
    """Return a setting, or the section of that name.

    Raises:
        AttributeError: There is neither.
    """
    if name.startswith("_"):  # Python looks up some names before there are settings
        raise AttributeError(name)
    if name in config:
        return config[name]
    if any(known.startswith(f"{name}.") for known in config):
        return _Section(config, f"{name}.")
    raise AttributeError(f"There is no setting `{name}`; set it with config[{name!r}] = ….")


def host_in(file: Path) -> str | None:
    """Return the database host that a file of DataJoint's settings names; None if there is none, or no such file.

    Raises:
        InvalidRequest: It does not contain a JSON object.
    """
    return _read(file).get(HOST) if file.is_file() else None


def _read(file: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InvalidRequest(f"{file} is not valid JSON: {error}.") from None
    if not isinstance(content, dict):
        raise InvalidRequest(f"{file} does not contain a JSON object of settings.")
    return dict(_flat(content))


def _files_here() -> tuple[Path, ...]:
    """Return DataJoint's files of the working folder; none, with a warning, if others can put files there."""
    files = PROJECT_FILE, LOCAL_FILE
    try:
        here = Path.cwd()
        if is_ours_alone(here):
            return files
    except OSError:  # the folder is gone
        return ()
    for file in files:
        if file.is_file():
            warn_of_others(here / file)
    return ()


def _flat(content: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield settings by their dotted names; version 2 writes those of a section as an object."""
    for name, value in content.items():
        if isinstance(value, Mapping) and any(known.startswith(f"{name}.") for known in DEFAULTS):
            yield from ((f"{name}.{inner}", setting) for inner, setting in value.items())
        else:
            yield name, value


def _user_name() -> str | None:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no such user, as in some containers
        return None


config = Config()
config.adopt()

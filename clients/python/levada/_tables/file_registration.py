"""Registering the files of a folder of a store in place: an entity for each, by a pattern of its path."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any, Protocol

from google.protobuf.duration_pb2 import Duration

from levada._base.errors import InvalidRequest, LostConnectionError
from levada._base.progress import Progress
from levada._net.backoff import RETRY, wait
from levada._objects.transfer import PATIENCE_SECONDS
from levada._values.types import Family
from levada_api.v1 import object_service_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from levada._net.connection import Connection
    from levada._query.relation import Relation
    from levada._values.heading import Heading
    from levada_api.v1 import schema_pb2

_PART = re.compile(r"\{(\w+)(\*?)\}|(\*\*?)")
_SHOWN = 20
"""At most this many problems are kept in words; the others are only counted."""


class Target(Protocol):
    """The table to insert into."""

    @property
    def connection(self) -> Connection:
        """The connection to its server."""
        ...

    @property
    def heading(self) -> Heading:
        """Its attributes."""
        ...

    @property
    def _name(self) -> schema_pb2.TableName:
        """Its name."""
        ...

    def insert(self, rows: list[dict[str, Any]], *, skip_duplicates: bool) -> None:  # Any: values of every kind
        """Insert rows."""
        ...

    def __and__(self, restriction: object) -> Relation:
        """Return the rows that meet a condition."""
        ...


@dataclass
class RegisteredFiles:
    """The outcome of a registration.

    Attributes:
        registered: Files that were registered, each with an entity; in a dry run, that would be.
        size_bytes: Their bytes.
        existing: Files whose entities existed already.
        unmatched: Files whose paths do not fit the pattern.
        failed: Files that could not be registered, or whose entities others have.
        skipped: Links, and files with names that no path may have.
        problems: The reasons of the first files that failed or did not fit.
    """

    registered: int = 0
    size_bytes: int = 0
    existing: int = 0
    unmatched: int = 0
    failed: int = 0
    skipped: int = 0
    problems: list[str] = field(default_factory=list)

    def _note(self, problem: str) -> None:
        if len(self.problems) < _SHOWN:
            self.problems.append(problem)


class PathPattern:
    """A pattern of paths, whose places have the values of attributes.

    `{name}` stands for one attribute within a name, `{name*}` also for slashes; `*` and `**` stand for anything else.

    Args:
        pattern: The pattern of whole paths within the store.
    """

    def __init__(self, pattern: str) -> None:
        self.names: list[str] = []
        parts, end = [], 0
        for found in _PART.finditer(pattern):
            name, deep, anything = found.groups()
            parts.append(re.escape(pattern[end : found.start()]))
            if name is None:
                parts.append(".*" if anything == "**" else "[^/]*")
            elif name in self.names:
                parts.append(f"(?P={name})")
            else:
                self.names.append(name)
                parts.append(f"(?P<{name}>{'.+' if deep else '[^/]+'})")
            end = found.end()
        self._expression = re.compile("".join([*parts, re.escape(pattern[end:])]), re.DOTALL)

    def values(self, path: str) -> dict[str, str] | None:
        """Return the values that a path has, or None if it does not fit."""
        found = self._expression.fullmatch(path)
        return None if found is None else found.groupdict()


def register_files(
    table: Target,
    attribute: str | None,
    pattern: str | None,
    *,
    folder: str,
    values: Mapping[str, object],
    dry_run: bool,
    progress: bool,
) -> RegisteredFiles:
    """Register files; see `Table.register_files`."""
    attribute = _attribute(table.heading, attribute)
    chosen = PathPattern(pattern or _whole_path(table.heading))
    unknown = [name for name in (*chosen.names, *values) if name not in table.heading]
    missing = [n for n in table.heading.primary_key if n not in (*chosen.names, *values)]
    if unknown or missing:
        raise InvalidRequest(
            f"The pattern has the attribute {unknown[0]}, which the table lacks."
            if unknown
            else f"The pattern says nothing of {', '.join(missing)}; a path must give the whole key, as in "
            f"2026/{{{missing[0]}}}.avi, or give it the same value for all files."
        )
    outcome = RegisteredFiles()
    work = _Work(table, attribute, chosen, dict(values), dry_run=dry_run, outcome=outcome)
    with Progress("Registering files", None, "files", shown=None if progress else False) as shown:
        for page in _pages(table, attribute, folder):
            outcome.skipped += page.skipped_count
            work.take(page.files)
            shown.update(len(page.files))
    return outcome


@dataclass
class _Work:
    table: Target
    attribute: str
    pattern: PathPattern
    values: dict[str, Any]
    dry_run: bool
    outcome: RegisteredFiles

    def take(self, files: Sequence[pb.StoreFile]) -> None:
        """Register the files that fit, and insert their entities."""
        rows: dict[tuple[str, ...], tuple[pb.StoreFile, dict[str, Any]]] = {}
        for file in files:
            found = self.pattern.values(file.path)
            if found is None:
                self.outcome.unmatched += 1
                self.outcome._note(f"{file.path}: it does not fit the pattern.")
                continue
            try:
                row = {**self.values, **{name: _converted(self.table.heading, name, found[name]) for name in found}}
            except ValueError as error:
                self._fail(f"{file.path}: {error}")
                continue
            key = self._key(row)
            if key in rows:
                self._fail(f"{file.path}: {rows[key][0].path} has the same key {self._shown(row)}.")
                continue
            rows[key] = file, row
        self._leave_existing(rows)
        if not rows:
            return
        chosen = list(rows.values())
        if not self.dry_run:
            chosen = self._register(chosen)
        self.outcome.registered += len(chosen)
        self.outcome.size_bytes += sum(file.size_bytes for file, _ in chosen)

    def _leave_existing(self, rows: dict[tuple[str, ...], tuple[pb.StoreFile, dict[str, Any]]]) -> None:
        names = self.table.heading.primary_key
        keys = [{name: row[name] for name in names} for _, row in rows.values()]
        found = (self.table & keys).proj(self.attribute).to_arrow().to_pylist() if keys else []
        for existing in found:
            file, row = rows.pop(self._key(existing), (None, {}))
            if file is None:
                continue
            reference = existing[self.attribute]
            if reference is not None and reference["path"] == file.path:
                self.outcome.existing += 1
            else:
                other = "no file" if reference is None else reference["path"]
                self._fail(f"{file.path}: the entity {self._shown(row)} exists, with {other}.")

    def _register(self, chosen: list[tuple[pb.StoreFile, dict[str, Any]]]) -> list[tuple[pb.StoreFile, dict[str, Any]]]:
        request = pb.RegisterFilesRequest(
            name=self.table._name, attribute=self.attribute, paths=[file.path for file, _ in chosen]
        )
        answer = self.table.connection.call(
            "ObjectService/RegisterFiles", request, pb.RegisterFilesResponse, patience=PATIENCE_SECONDS
        )
        done, rows = [], []
        for (file, row), outcome in zip(chosen, answer.files, strict=True):
            if outcome.problem:
                self._fail(f"{file.path}: {outcome.problem}")
                continue
            reference = {"id": outcome.object.id, "hash": outcome.object.hash}
            rows.append({**row, self.attribute: reference})
            done.append((file, row))
        if rows:
            self.table.insert(rows, skip_duplicates=True)
        return done

    def _key(self, row: Mapping[str, object]) -> tuple[str, ...]:
        return tuple(str(row[name]) for name in self.table.heading.primary_key)

    def _shown(self, row: Mapping[str, object]) -> str:
        return ", ".join(f"{name}={row[name]}" for name in self.table.heading.primary_key)

    def _fail(self, problem: str) -> None:
        self.outcome.failed += 1
        self.outcome._note(problem)


def unchanged_paths(
    table: Target, attribute: str | None, *, folder: str, minutes: float, pattern: str
) -> Iterator[str]:
    """Yield paths of files; see `Table.unchanged_files`."""
    if not minutes >= 0:
        raise InvalidRequest(f"minutes is 0 or more, not {minutes}.")
    unchanged = Duration()
    unchanged.FromTimedelta(timedelta(minutes=minutes))
    for page in _pages(table, _attribute(table.heading, attribute), folder, unchanged):
        yield from (file.path for file in page.files if fnmatch(file.path.rpartition("/")[2], pattern))


def _pages(
    table: Target, attribute: str, folder: str, unchanged: Duration | None = None
) -> Iterator[pb.ListStoreFilesResponse]:
    """Yield pages of the files of a store; after a break the list resumes."""
    request = pb.ListStoreFilesRequest(
        name=table._name, attribute=attribute, prefix=folder, unchanged_duration=unchanged
    )
    pauses = RETRY.pauses(PATIENCE_SECONDS)
    while True:
        try:
            for page in table.connection.receive("ObjectService/ListStoreFiles", request, pb.ListStoreFilesResponse):
                yield page
                if page.files:
                    request.after = page.files[-1].path
                pauses = RETRY.pauses(PATIENCE_SECONDS)
            return
        except LostConnectionError as error:
            wait(pauses, error)


def _attribute(heading: Heading, attribute: str | None) -> str:
    there = [each.name for each in heading.attributes.values() if each.parsed_type.codec == "filepath"]
    if attribute is None and len(there) == 1:
        return there[0]
    if attribute is None or attribute not in there:
        known = ", ".join(f"`{name}`" for name in there) or "none"
        raise InvalidRequest(f"Name the attribute of type <filepath@…> that holds the files; the table has {known}.")
    return attribute


def _whole_path(heading: Heading) -> str:
    key = heading.primary_key
    if len(key) != 1 or not heading[key[0]].parsed_type.textual:
        raise InvalidRequest(
            f"A path must say which entity it belongs to: give a pattern with {', '.join(key)}, such as "
            f"{'/'.join(f'{{{name}}}' for name in key)}.avi."
        )
    return f"{{{key[0]}*}}"


def _converted(heading: Heading, name: str, text: str) -> object:
    """Return the value of an attribute as it is compared with stored keys."""
    convert: Callable[[str], object] = int if heading[name].parsed_type.family is Family.INTEGER else str
    try:
        return convert(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a whole number, which `{name}` takes.") from None

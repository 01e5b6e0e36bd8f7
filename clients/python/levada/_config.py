"""Settings of this process, as a mapping: `config["safemode"]`."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

Setting: TypeAlias = Any  # whatever a user keeps under a name

_DEFAULTS: dict[str, Any] = {
    "safemode": True,
    "display.limit": 12,
    "display.width": 14,
    "display.show_tuple_count": True,
    "fetch_format": "array",
    "aggr.keep_all_rows": True,
    "custom": {},
}


class Config(MutableMapping[str, Any]):
    """Settings by name. Unknown names are kept for whoever set them.

    `safemode`: ask before rows or tables are deleted. `display.limit`, `display.width`: rows and letters a column of a
    preview. `display.show_tuple_count`: count the rows below it. `fetch_format`: what the older `fetch()` gives.
    `aggr.keep_all_rows`: `aggr` keeps entities without a match.
    """

    def __init__(self) -> None:
        self._values: dict[str, Any] = {**_DEFAULTS, "custom": {}}

    def __getitem__(self, name: str) -> Setting:
        return self._values[name]

    def __setitem__(self, name: str, value: Setting) -> None:
        self._values[name] = value

    def __delitem__(self, name: str) -> None:
        del self._values[name]

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


config = Config()

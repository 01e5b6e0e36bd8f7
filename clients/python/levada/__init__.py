"""Scientific data pipelines: tables, queries and computations on a Levada server.

`import levada as lv` provides the names of `__all__`. Pipelines written for DataJoint run with `import levada as dj`.

The names are loaded when one of them is first used, so that the command `levada` answers before Arrow and gRPC are
loaded.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from levada._public import *  # noqa: F403  # they are in `__all__`
    from levada._public import __all__ as __all__
    from levada._public import __version__ as __version__
else:
    # Only at run time: type checkers would take every name for a member.
    _MODULES = ("blob", "errors", "utils")

    def __getattr__(name: str) -> object:
        """Load the public names, or find a name that only code written for DataJoint uses."""
        if name in _MODULES:
            return importlib.import_module(f"levada.{name}")
        if name.startswith("_") and name not in ("__all__", "__version__"):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)
        public = importlib.import_module("levada._public")
        globals().update({known: getattr(public, known) for known in public.__all__}, __all__=public.__all__)
        if name in globals():
            return globals()[name]
        return importlib.import_module("levada._datajoint.modules").native(name)

    def __dir__() -> list[str]:
        return sorted(__getattr__("__all__"))

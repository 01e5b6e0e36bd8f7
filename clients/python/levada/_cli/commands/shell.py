"""The command `levada shell`."""

from __future__ import annotations

import code
import keyword
from typing import TYPE_CHECKING, Any

import levada as lv
from levada._cli.output import drawing

if TYPE_CHECKING:
    import argparse

    from levada._net.connection import Connection


def shell(connection: Connection, options: argparse.Namespace) -> int:
    """Open Python with the schemas loaded as modules."""
    names = options.schemas or lv.list_schemas(connection)
    schemas = {_variable(name): lv.VirtualModule(name, name, connection=connection) for name in names}
    loaded: dict[str, Any] = {"lv": lv, **schemas}  # Any: modules
    banner = f"Levada {lv.__version__} at {connection.address}: lv = levada; schemas: {', '.join(schemas) or 'none'}"
    with drawing():
        try:
            import IPython
        except ImportError:
            code.interact(banner, local=loaded, exitmsg="")
        else:
            print(banner)
            IPython.start_ipython(argv=["--no-banner"], user_ns=loaded)
    return 0


def _variable(schema: str) -> str:
    return f"{schema}_" if keyword.iskeyword(schema) or schema == "lv" else schema

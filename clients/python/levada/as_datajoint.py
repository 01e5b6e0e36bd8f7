"""Lets this package stand in for DataJoint: after `import levada.as_datajoint`, `import datajoint` is Levada.

The names are those of DataJoint 0.14 and of 2. If the two differ, the whole process follows the rules of 0.14:

* `aggr` takes groups of any key, and drops entities without a match unless `keep_all_rows=True`, which is the setting
  `config["aggr.keep_all_rows"]`;
* operands match on names alone, with a warning if a name has two origins;
* numbers are rounded for integer attributes;
* `ancestors` begins with the table itself;
* the `error_message` of a job begins with the type of the error.
"""

from __future__ import annotations

import sys

import levada
from levada._base import errors as _errors
from levada._base import rules as _rules
from levada._datajoint import modules as _modules


def _register() -> None:
    """Register the modules for `import`.

    Raises:
        InvalidRequest: The real package is loaded already.
    """
    if _modules.NAME in sys.modules:
        raise _errors.InvalidRequest(
            "The package datajoint is loaded already; write `import levada.as_datajoint` before the first import of it."
        )
    sys.modules.update(_modules.build())
    levada.config["aggr.keep_all_rows"] = False
    _rules.follow_datajoint()


_register()

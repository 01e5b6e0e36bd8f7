"""Check the licences of all installed distributions: `python .ci/licences.py`.

A distribution passes if its metadata names licences that are allowed here. Any other name, or none, is an error until
somebody has read the licence and added a line below.
"""

from __future__ import annotations

import re
import sys
from importlib import metadata

ALLOWED = {
    # Permissive: they ask for a notice.
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MIT-CMU",
    "PSF-2.0",
    "Unlicense",
    "Zlib",
    # Copyleft of the file or the library itself: we neither change nor ship these; users of Levada get them from their
    # own makers and can replace them. psycopg, used in the benchmarks, is under the LGPL.
    "MPL-2.0",
    "LGPL-2.1-or-later",
    "LGPL-3.0-only",
    "LGPL-3.0-or-later",
}

NAMES = {
    "3-clause bsd license": "BSD-3-Clause",
    "apache": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "bsd": "BSD-3-Clause",
    "bsd 2-clause license": "BSD-2-Clause",
    "bsd 3-clause license": "BSD-3-Clause",
    "bsd license": "BSD-3-Clause",
    "gnu lesser general public license v3 (lgplv3)": "LGPL-3.0-only",
    "gnu library or lesser general public license (lgpl)": "LGPL-2.1-or-later",
    "isc license (iscl)": "ISC",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "public domain": "CC0-1.0",  # bagit: in the United States; by CC0 elsewhere
    "python software foundation license": "PSF-2.0",
    "the unlicense (unlicense)": "Unlicense",
}
"""SPDX identifiers of licence names in older metadata, in lower case."""

READ = {
    "axe-playwright-python": "MIT AND MPL-2.0",
    "resvg-py": "MIT",
}
"""The licences of distributions whose metadata state none, as their own files say."""

_CLASSIFIER = "License :: "
_LONGEST_NAME = 100
"""Longer texts in the field `License` are the licence itself."""


def main() -> int:
    """Report each distribution whose licence is not allowed; return how many there are, at most 1."""
    faults = []
    checked = sorted({distribution.name.lower(): distribution for distribution in metadata.distributions()}.items())
    for name, distribution in checked:
        fields = distribution.metadata
        expression, field = ("".join(fields.get_all(key) or ()) for key in ("License-Expression", "License"))
        stated = licences(expression, fields.get_all("Classifier") or [], field or READ.get(name.replace("_", "-"), ""))
        if not allowed(stated):
            faults.append(f"{name} {distribution.version}: {' AND '.join(stated) or 'no licence in its metadata'}")
    for fault in faults:
        print(fault, file=sys.stderr)
    if faults:
        print("licences: read these, then allow them in .ci/licences.py or do without.", file=sys.stderr)
        return 1
    print(f"licences: {len(checked)} distributions, all allowed")
    return 0


def licences(expression: str, classifiers: list[str], field: str) -> list[str]:
    """Return the licences that all apply to a distribution, from the most exact part of its metadata.

    Args:
        expression: An SPDX expression, used in newer metadata; otherwise empty.
        classifiers: Some of them may name licences.
        field: The older field `License`: a name, an expression, the whole text, or empty.
    """
    if expression:
        return [expression]
    named = [text.rpartition(" :: ")[2] for text in classifiers if text.startswith(_CLASSIFIER)]
    if named:
        return named
    return [field] if field and "\n" not in field and len(field) <= _LONGEST_NAME else []


def allowed(stated: list[str]) -> bool:
    """Return whether licences are stated and all are allowed; in `A OR B` one of the two is enough.

    Brackets are not parsed: their contents count as if all of it applied.
    """
    return bool(stated) and all(_expression_allowed(text) for text in stated)


def _expression_allowed(text: str) -> bool:
    if text.lower() in NAMES:
        return NAMES[text.lower()] in ALLOWED
    alternatives = " OR " in text and " AND " not in text and "(" not in text
    parts = re.split(r" AND | OR ", re.sub(r"[()]", "", text))
    return (any if alternatives else all)(NAMES.get(part.lower(), part) in ALLOWED for part in parts)


if __name__ == "__main__":
    sys.exit(main())

"""The rules of this process: those of DataJoint 0.14 after `import levada.as_datajoint`, otherwise those of Levada."""

from __future__ import annotations

_of_datajoint = False


def follow_datajoint() -> None:
    """Follow the rules of DataJoint 0.14 in this process from now on."""
    global _of_datajoint  # the one place of this decision
    _of_datajoint = True


def are_of_datajoint() -> bool:
    """Return whether the rules of DataJoint 0.14 hold."""
    return _of_datajoint

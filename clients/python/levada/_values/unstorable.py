"""How what cannot be stored is told: each container adds a step to the path on the way up."""

from __future__ import annotations


class Unstorable(Exception):
    """A value, or an element of it, that has no form which other languages read.

    Args:
        problem: What is wrong, without the path to it.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self._problem = problem
        self._steps: list[str] = []

    def within(self, step: str) -> Unstorable:
        """Add the step from a container to its element, such as `['units']`, and give the error back."""
        self._steps.append(step)
        return self

    def told(self, path: str) -> str:
        """Write the message; `path` is what the whole value is called."""
        return f"{path}{''.join(reversed(self._steps))}: {self._problem}"

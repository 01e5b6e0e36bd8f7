"""Errors about values that cannot be stored: each container adds a step to the path on the way up."""

from __future__ import annotations


class Unstorable(Exception):
    """A value, or an element of it, has no form that other languages can read.

    Args:
        problem: The problem, without the path to it.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self._problem = problem
        self._steps: list[str] = []

    def within(self, step: str) -> Unstorable:
        """Prepend the step from a container to its element, such as `['units']`, and return the error."""
        self._steps.append(step)
        return self

    def told(self, path: str) -> str:
        """Write the message; `path` is the name of the whole value."""
        return f"{path}{''.join(reversed(self._steps))}: {self._problem}"

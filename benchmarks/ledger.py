"""A ledger of the clients' acts and the answers they got, which is compared with what is stored."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Set

Told = Literal["done", "refused", "unknown"]
"""The answer to an act; a client that died, or whose server did, does not know whether its act took effect."""
Record = dict[str, Any]  # Any: values from JSON


@dataclass(slots=True)
class Act:
    """A client's act.

    Args:
        does: Its kind.
        details: Its subject: `batch`, `session` and `rows` (the number by table) of an insert; `sessions` or `batches`
            of a delete; `table` of a declaration or drop.
        told: The answer.
    """

    does: str
    details: Record
    told: Told = "unknown"


@dataclass
class Difference:
    """The difference between the answers and what is stored.

    Attributes:
        lost: Rows and tables that are absent, although their insert was acknowledged and nobody deleted them, or
            although another part of their insert is there.
        extra: Rows and tables that are there, although nobody sent them, they were refused, or they were deleted.
    """

    lost: dict[str, int] = field(default_factory=dict)
    extra: dict[str, int] = field(default_factory=dict)

    def lose(self, table: str, count: int) -> None:
        """Count lost rows."""
        self.lost[table] = self.lost.get(table, 0) + count

    def add(self, table: str, count: int) -> None:
        """Count extra rows."""
        self.extra[table] = self.extra.get(table, 0) + count


class Ledger:
    """The acts of all clients, in the order in which each began them."""

    def __init__(self) -> None:
        self._acts: dict[tuple[int, int], Act] = {}
        self._surprises: list[str] = []
        self.counts: dict[str, dict[str, int]] = {}

    @property
    def surprises(self) -> list[str]:
        """The answers that nobody should get."""
        return self._surprises

    def note(self, client: int, record: Record) -> None:
        """Note that a client begins an act, or which answer it got.

        Args:
            client: The client, by a number of its own.
            record: `act`, its number, with `does` and the details; or with `told`, `reason`, `message`, and whether the
                answer was `expected`.
        """
        key = client, record["act"]
        if "does" in record:
            details = {name: value for name, value in record.items() if name not in ("act", "does")}
            self._acts[key] = Act(record["does"], details)
            return
        act = self._acts[key]
        act.told = record["told"]
        of_kind = self.counts.setdefault(act.does, {})
        what = record["reason"] or record["told"]
        of_kind[what] = of_kind.get(what, 0) + 1
        if not record["expected"]:
            self._surprises.append(f"{act.does}: {what}: {record['message']}")

    def told(self, does: str) -> int:
        """Return how many acts of a kind were answered."""
        return sum(self.counts.get(does, {}).values())

    def rows_done(self) -> int:
        """Return how many rows were acknowledged."""
        inserts = (act for act in self._acts.values() if "rows" in act.details and act.told == "done")
        return sum(sum(act.details["rows"].values()) for act in inserts)

    def compare(self, stored: Mapping[tuple[str, int], int], tables: Set[str]) -> Difference:
        """Compare the answers with what is stored.

        Args:
            stored: The number of rows by table and batch.
            tables: The existing tables among those of clients.
        """
        difference = Difference()
        left = dict(stored)
        deleted = self._deleted()
        for act in self._acts.values():
            if "rows" not in act.details:
                continue
            batch, session, rows = act.details["batch"], act.details["session"], act.details["rows"]
            found = {table: left.pop((table, batch), 0) for table in rows}
            whole = act.told == "done" or any(found.values())
            for table, sent in rows.items():
                gone = _clearest(deleted.get(("session", session)), deleted.get((table, batch)))
                expected = 0 if act.told == "refused" or gone == "done" or not whole else sent
                if found[table] > expected:
                    difference.add(table, found[table] - expected)
                elif found[table] < expected and not (gone == "unknown" and found[table] == 0):
                    difference.lose(table, expected - found[table])
        for (table, _), count in left.items():
            difference.add(table, count)
        declared = self._declared()
        for table, state in declared.items():
            if state == "done" and table not in tables:
                difference.lose("tables", 1)
            if state == "refused" and table in tables:
                difference.add("tables", 1)
        if never := len(tables - declared.keys()):
            difference.add("tables", never)
        return difference

    def _deleted(self) -> dict[tuple[str, int], Told]:
        """Collect the deletes that were not refused: of a session with its events, or of a batch of events."""
        deleted: dict[tuple[str, int], Told] = {}
        for act in self._acts.values():
            if act.does.startswith("delete") and act.told != "refused":
                keys = [("session", session) for session in act.details.get("sessions", ())]
                keys += [("event", batch) for batch in act.details.get("batches", ())]
                deleted |= {key: _clearest(act.told, deleted.get(key)) or act.told for key in keys}
        return deleted

    def _declared(self) -> dict[str, Told]:
        """Return whether each declared table exists: `done`, `refused` if it does not, or `unknown`."""
        states: dict[str, Told] = {}
        for act in self._acts.values():
            if act.does in ("declare", "drop"):
                table = act.details["table"]
                before = states.get(table, "refused")
                after: Told = "done" if act.does == "declare" else "refused"
                states[table] = {"done": after, "refused": before}.get(
                    act.told, before if before == after else "unknown"
                )
        return states


def _clearest(*answers: Told | None) -> Told | None:
    """Return `done` if one of the answers is, else another answer, if there is one."""
    given = [answer for answer in answers if answer is not None]
    return "done" if "done" in given else given[0] if given else None

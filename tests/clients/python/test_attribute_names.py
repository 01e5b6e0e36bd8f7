"""Which attributes continue unfinished code, whatever people type."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

import levada as lv
from levada._views import shells
from levada._views.shells import completions

if TYPE_CHECKING:
    from collections.abc import Mapping

TESTS = ("levada._views.shells",)


@pytest.fixture
def names(lab: lv.VirtualModule) -> Mapping[str, object]:
    return {
        "lab": lab,
        "Subject": lab.Subject,
        "Session": lab.Session,
        "lv": lv,
        "q": lab.Subject & "weight > 3",
        "n": 5,
    }


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("Subject.c.na", ["name"]),
        ("x = (Subject.c.weight > 3) & (Subject.c.w", ["weight"]),
        ("lab.Subject.c.na", ["name"]),
        ("q.c.na", ["name"]),
        ("Subject().c['na", ["name"]),
        ("Session.Trial.c.", ["subject_id", "session", "trial", "correct"]),
        ('Subject & {"na', ["name"]),
        ('Subject & {"name": "Ann", "w', ["weight"]),
        ('Subject & [{"name": 1}, {"w', ["weight"]),
        ('Subject - {"w', ["weight"]),
        ("Subject & 'w", ["weight"]),
        ("Subject & f'w", []),
        ("Subject & 'weight > 5 and na", ["name"]),
        ('Subject & lv.AndList(["weight > 3", "na', ["name"]),
        ('Subject & lv.Not("na', ["name"]),
        ("Subject & lv.Top(3, order_by='w", ["weight"]),
        ('(Subject & "weight > 3").fetch1("na', ["name"]),
        ("for row in Subject & 'w", ["weight"]),
        ("if True:\n    return (Subject * Session).to_dicts('da", ["day"]),
        ("elif Subject & 'w", ["weight"]),
        ("%time Subject.fetch('na", ["name"]),
        ("Subject.proj('w", ["weight"]),
        ("Subject.proj(heavy='w", ["weight"]),
        ("Subject.proj(heavy='weight').c.", ["subject_id", "heavy"]),
        ("Subject.aggr(Session, n='count(da", ["day"]),
        ("Subject.aggr(Session, 'w", ["weight"]),
        ("Subject.to_pandas(order_by='w", ["weight"]),
        ("Subject.insert1({'na", ["name"]),
        ("Subject.insert([dict(), {'name': 'x', 'w", ["weight"]),
        ("Subject.update1({'subject_id': 1, 'w", ["weight"]),
        ("text = '''a'''; Subject & \"na", ["name"]),
        ("Subject & 'na  # a comment", []),
        ("Subject & {'name': 'na", []),
        ("print('na", []),
        ("n.c.na", []),
        ("unknown.c.na", []),
        ("Subject.fetch('na' + 'na", []),
        ("Subject.heading.na", []),
        ("open(Subject.c.", ["subject_id", "species", "name", "weight"]),
        ("Subject & Subject.c.name.li", []),
        ("# Subject.c.na", []),
        ("exit().c.na", []),
    ],
)
def test_code_is_continued(names: Mapping[str, object], code: str, found: list[str]) -> None:
    assert completions(code, names)[1] == found


@given(st.text(alphabet="NSubject.c&-*()[]{}\"'\\\n#;:,=%fr ", max_size=40))
def test_no_code_is_an_error(code: str) -> None:
    assert completions(code, {"Subject": lv.U("a"), "N": lv.Manual}) is not None


def test_a_server_that_does_not_answer_completes_nothing(
    names: Mapping[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, waiting = threading.Event(), threading.Event()

    class Slow(lv.Relation):
        @property
        def heading(self) -> lv.Heading:
            asked.set()
            waiting.wait(60)
            raise lv.errors.Unavailable("too late")

    subject = names["Subject"]
    assert isinstance(subject, type)
    assert issubclass(subject, lv.Table)
    slow = Slow(subject.connection, lv.U("a")._node)  # noqa: SLF001  # any relation of a server
    monkeypatch.setattr(shells, "_COMPLETION_SECONDS", 0.01)
    assert completions("slow.c.na", {"slow": slow}) == ("na", [])
    assert asked.wait(60)
    waiting.set()


def test_completing_starts_no_server(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        pytest.fail("a connection was opened")

    monkeypatch.setattr(lv.Connection, "__init__", refused)

    class Undeclared(lv.Manual):
        definition = "a : int32"

    waiting = lv.Schema()
    assert completions("Undeclared.c.a", {"Undeclared": Undeclared}) == ("a", [])
    assert completions("Undeclared.c.a", {"Undeclared": waiting(Undeclared)}) == ("a", [])
    assert completions("u.c.a", {"u": lv.U("a")}) == ("a", [])

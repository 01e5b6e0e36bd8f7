"""Code that imports datajoint runs on Levada."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT_TIMEOUT_S = 120


def run(source: str, folder: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(source)],
        capture_output=True,
        text=True,
        timeout=SCRIPT_TIMEOUT_S,
        check=False,
        cwd=str(folder),
    )


def test_a_pipeline_of_older_code_runs(server_address: str, tmp_path: object) -> None:
    source = f"""
        import levada
        import levada.as_datajoint

        levada.connect({server_address!r})

        import datajoint as dj
        import datajoint.hash
        from datajoint import errors
        from datajoint.errors import DataJointError, DuplicateError
        from datajoint.expression import QueryExpression, U
        from datajoint.settings import config
        from datajoint.table import FreeTable, Table
        from datajoint.user_tables import UserTable
        from datajoint.utils import from_camel_case, to_camel_case, user_choice

        from datajoint.dependencies import topo_sort, unite_master_parts
        from datajoint.external import ExternalTable
        from datajoint.fetch import DataJointError as same_error
        from datajoint.schema import Schema

        assert same_error is DataJointError and Schema is dj.schema
        assert tuple(map(int, dj.__version__.split("."))) >= (0, 14)
        dj.config["safemode"] = False
        dj.config["custom"] = {{"root": "/data"}}
        schema = dj.schema("lab_subjects")

        @schema
        class Subject(dj.Manual):
            definition = '''
            subject_id : int
            ---
            name = "nameless" : varchar(40)
            '''

        @schema
        class Session(dj.Manual):
            definition = '''
            -> Subject
            session : int
            ---
            score : float
            '''

        @schema
        class Mean(dj.Computed):
            definition = '''
            -> Subject
            ---
            mean : float
            '''

            @property
            def key_source(self):
                return Subject & Session

            def make(self, key):
                scores = (Session & key).fetch("score")
                self.insert1(dict(key, mean=scores.mean()))

        Subject.insert([(1, "Ann"), (2, "Bob"), (3, "Cyd")])
        with dj.conn().transaction:
            Session.insert((1, i, i / 2) for i in range(3))
            Session.insert1(dict(subject_id=2, session=1, score=4), skip_duplicates=True)
        try:
            Subject.insert1((1, "again"))
        except DuplicateError as error:
            assert isinstance(error, DataJointError) and isinstance(error, dj.errors.QueryError)
        Mean.populate(display_progress=False)

        assert isinstance(Subject & {{"subject_id": 1}}, QueryExpression)
        assert issubclass(Subject, UserTable) and issubclass(Subject, Table)
        ids, means = Mean.fetch("subject_id", "mean", order_by="subject_id")
        assert (ids.tolist(), means.tolist()) == ([1, 2], [0.5, 4])
        assert Subject.fetch("KEY", limit=1) == [{{"subject_id": 1}}]
        assert Subject.fetch().dtype.names == ("subject_id", "name")
        assert (Subject & "subject_id=2").fetch1("name") == "Bob"
        assert len(Subject.aggr(Session, n="count(*)")) == 2
        assert len(Subject.aggr(Session, n="count(*)", keep_all_rows=True)) == 3
        assert FreeTable(dj.conn(), Subject.full_table_name).fetch("subject_id").tolist() == [1, 2, 3]
        assert (to_camel_case("trial_event"), from_camel_case("TrialEvent")) == ("TrialEvent", "trial_event")
        assert len(datajoint.hash.key_hash({{"a": 1}})) == 32
        (Subject & "subject_id=1").delete()
        assert len(Session()) == 1
        schema.drop()
        try:
            import datajoint.nonsense
        except ModuleNotFoundError:
            print("done")
    """
    result = run(source, tmp_path)
    assert (result.returncode, result.stdout.splitlines()[-1:]) == (0, ["done"]), result.stderr


PIPELINE = """
    import levada.as_datajoint
    import levada

    levada.connect({server_address!r})

    import datajoint as dj
    import pytest

    schema = dj.schema("lab")

    @schema
    class Subject(dj.Manual):
        definition = '''
        subject : int
        ---
        weight = null : int
        '''

    @schema
    class Session(dj.Manual):
        definition = '''
        -> Subject
        session : int
        ---
        trials : int
        '''

    @schema
    class User(dj.Manual):
        definition = '''
        subject : int
        ---
        login : varchar(10)
        '''

    @schema
    class Visit(dj.Manual):
        definition = '''
        visit : int
        ---
        subject : int
        '''

    Subject.insert([(1, 10), (2, 20), (3, 30)])
    Session.insert([(1, 1, 5), (1, 2, 6), (2, 1, 7)])
    User.insert([(1, "ann"), (4, "bob")])
    Visit.insert([(1, 1), (2, 1), (3, 2)])
"""


def check(script: str, server_address: str, folder: Path) -> None:
    source = textwrap.dedent(PIPELINE.format(server_address=server_address)) + textwrap.dedent(script)
    result = run(source, folder)
    assert result.returncode == 0, result.stderr


def test_names_alone_match_with_one_warning(server_address: str, tmp_path: Path) -> None:
    script = """
        with pytest.warns(levada.errors.LevadaWarning, match="`subject` matches by its name alone") as told:
            assert len(User * Session) == 2
            assert (User * Session).fetch("login", "trials", order_by="KEY")[1].tolist() == [5, 6]
            assert (User & Session).fetch("login").tolist() == ["ann"]
            assert (User - Session).fetch("login").tolist() == ["bob"]
            assert (User & [Session & "session=2", {"login": "bob"}]).fetch("login").tolist() == ["ann", "bob"]
        assert len([w for w in told if "lab.User.subject" in str(w.message) and "lab.Subject" in str(w.message)]) == 1
        with pytest.warns(levada.errors.LevadaWarning, match="no origin"):
            assert len(User * Visit) == 2
        assert User.aggr(Visit, n="count(*)").fetch("n").tolist() == [2]
        for refused in (lambda: len(Visit * Visit.proj("subject", other="visit")),
                        lambda: len(Visit & (Visit.proj("subject", other="visit")))):
            with pytest.raises(dj.DataJointError, match="belongs to the key of neither"):
                refused()
    """
    check(script, server_address, tmp_path)


def test_unions_match_on_names(server_address: str, tmp_path: Path) -> None:
    script = """
        with pytest.warns(levada.errors.LevadaWarning, match="by its name alone"):
            both = (Subject + User).fetch(as_dict=True, order_by="KEY")
        assert [tuple(row.values()) for row in both] == [
            (1, 10, "ann"), (2, 20, None), (3, 30, None), (4, None, "bob")]
        with pytest.raises(dj.DataJointError, match="secondary attribute"):
            len((Subject & "subject=1") + (Subject & "subject=2"))
        with pytest.raises(dj.DataJointError, match="same key"):
            len(Subject + Session)
    """
    check(script, server_address, tmp_path)


def test_groups_may_be_coarser(server_address: str, tmp_path: Path) -> None:
    script = """
        rows = Session.aggr(Subject & "subject=1", n="count(*)", sum="sum(weight)").fetch("n", "sum", order_by="KEY")
        assert [column.tolist() for column in rows] == [[1, 1], [10, 10]]
        kept = Session.aggr(Subject & "subject=1", n="count(*)", keep_all_rows=True).fetch("n", order_by="KEY")
        assert kept.tolist() == [1, 1, 0]
        assert Session.aggr(Subject.proj(other="subject"), n="count(*)").fetch("n").tolist() == [3, 3, 3]
    """
    check(script, server_address, tmp_path)


def test_integers_are_rounded(server_address: str, tmp_path: Path) -> None:
    script = """
        import numpy as np
        import pandas as pd
        from decimal import Decimal

        for given, stored in [(2.5, 3), (-2.5, -3), (3.5, 4), ("2.5", 3), ("1e2", 100), (np.float32(0.6), 1),
                              (Decimal("1.4"), 1), (2147483647.4, 2147483647)]:
            Subject.insert1((9, given))
            assert (Subject & "subject=9").fetch1("weight") == stored, given
            (Subject & "subject=9").delete_quick()
        Subject.insert(pd.DataFrame({"subject": [7.6], "weight": [1.5]}))
        Subject.update1({"subject": 8, "weight": 4.5})
        assert (Subject & "subject=8").fetch1("weight") == 5
        with pytest.raises(dj.DataJointError, match="outside"):
            Subject.insert1((9, 2147483647.5))
    """
    check(script, server_address, tmp_path)


def test_times_are_spans(server_address: str, tmp_path: Path) -> None:
    script = """
        import datetime as dt

        @schema
        class Feeding(dj.Lookup):
            definition = "-> Subject\\nat : time\\n---\\nuntil = '9:30' : time"
            contents = [{"subject": 1, "at": "9:05"}]

        @schema
        class Fed(dj.Computed):
            definition = "-> Feeding"

            def make(self, key):
                assert dt.datetime(2020, 1, 1) + key["at"] == dt.datetime(2020, 1, 1, 9, 5)
                self.insert1(key)

        at, until = dt.timedelta(hours=9, minutes=5), dt.timedelta(hours=9, minutes=30)
        assert Feeding.fetch1() == {"subject": 1, "at": at, "until": until} and Feeding.fetch("until")[0] == until
        assert Feeding.fetch(format="frame")["until"].tolist() == [until]
        assert len(Feeding & Feeding.fetch1("KEY")) == len(Feeding & "until > '9:29:59'") == 1
        Fed.populate()
        assert Fed.fetch1("at") == at
        longest = dt.timedelta(hours=838, minutes=59, seconds=59)
        Feeding.insert([(1, "838:59:59", until), (1, -longest, "-12:30:00"), (1, dt.timedelta(30), dt.time(9, 30))])
        assert set(Feeding.fetch("at")) == {at, longest, -longest, dt.timedelta(30)}
        assert len(Feeding & "at > '30:00:00'") == 2 and len(Feeding & {"at": longest}) == 1
        assert Feeding.heading["at"].type == "duration" and "at : duration" in " ".join(Feeding.describe().split())
        half = dt.timedelta(minutes=30)
        assert (Feeding.proj(d="timediff(at, '0:30')") & {"at": -longest}).fetch1("d") == -longest - half
        assert dj.U().aggr(Feeding, n="sum(at)").fetch1("n") == at + dt.timedelta(30)
        with pytest.raises(dj.DataJointError, match="is not a span of time"):
            Feeding.insert1((1, 5, until))
    """
    check(script, server_address, tmp_path)


def test_a_table_of_the_other_import_is_used_as_it_is(server_address: str, tmp_path: Path) -> None:
    declared = """
        import datetime as dt
        import levada as lv
        if {datajoint}:
            import levada.as_datajoint

        lv.connect({address!r})
        schema = lv.Schema({name!r})

        @schema
        class Visit(lv.Manual):
            definition = "visit : int32\\n---\\nat = null : time"

        assert Visit.heading["at"].type == {type_!r}
        assert not Visit.alter(prompt=False)
        Visit.insert1((len(Visit()), dt.timedelta(hours=9)))
        assert set(Visit().fetch("at") if {datajoint} else Visit().to_arrays("at")) == {{{expected}}}
    """
    for name, type_, imports in (("of_days", "time", (False, True)), ("of_spans", "duration", (True, False))):
        for datajoint in imports:
            expected = "dt.time(9)" if type_ == "time" and not datajoint else "dt.timedelta(hours=9)"
            script = declared.format(
                datajoint=datajoint, address=server_address, name=name, type_=type_, expected=expected
            )
            finished = run(script, tmp_path)
            assert finished.returncode == 0, finished.stderr


def test_a_part_need_not_refer_to_its_master(server_address: str, tmp_path: Path) -> None:
    script = """
        @schema
        class Port(dj.Manual):
            definition = "port : int"

            class Test(dj.Part):
                definition = "port : int\\nat : date\\n---\\nresult = null : int"

            class Detail(dj.Part):
                definition = "-> Port.Test\\ndetail : int"

        dj.config["safemode"] = False
        Port.insert([(1,), (2,)])
        Port.Test.insert([(1, "2020-01-01", 5), (3, "2020-01-02", 6)])
        Port.Detail.insert1((1, "2020-01-01", 7))
        (Port & "port=1").delete()
        assert (len(Port()), len(Port.Test()), len(Port.Detail())) == (1, 2, 1)
        with pytest.raises(dj.DataJointError, match="would be deleted without its master"):
            dj.FreeTable(dj.conn(), Port.Test.full_table_name).delete()
        for integrity, port in (("cascade", 1), ("ignore", 3)):
            chosen = dj.FreeTable(dj.conn(), Port.Test.full_table_name) & {"port": port}
            chosen.delete(part_integrity=integrity)
            assert (len(Port()), len(Port.Test & {"port": port})) == (1, 0)
        Port.drop()
        assert not {"port", "port__test", "port__detail"} & set(schema.list_tables())
    """
    check(script, server_address, tmp_path)


def test_errors_and_ancestors_are_those_of_older_code(server_address: str, tmp_path: Path) -> None:
    script = """
        assert Session.ancestors() == [Session.full_table_name, Subject.full_table_name]
        assert Subject.descendants() == [Subject.full_table_name, Session.full_table_name]
        for unknown in (lambda: Subject.insert1({"subject": 5, "size": 1}), lambda: Subject.heading["size"],
                        lambda: (dj.U("size") & Subject).fetch()):
            with pytest.raises(KeyError):
                unknown()
    """
    check(script, server_address, tmp_path)


def test_a_job_tells_the_type_of_its_error(server_address: str, tmp_path: Path) -> None:
    script = """
        @schema
        class Rate(dj.Computed):
            definition = "-> Subject"

            def make(self, key):
                if key["subject"] < 3:
                    raise ValueError(*["one", ""][key["subject"] - 1:][:1])
                self.insert1(key)

        @schema
        class Later(dj.Imported):
            definition = "-> Subject"

        Rate.populate(suppress_errors=True, reserve_jobs=True)
        assert Rate.jobs.errors.fetch("error_message", order_by="KEY").tolist() == ["ValueError: one", "ValueError"]
        assert (schema.jobs & "error_message like 'ValueError: %'").fetch1("key") == {"subject": 1}
        assert list(Rate.jobs.errors.fetch("status", "error_message", as_dict=True)[0]) == ["status", "error_message"]
        assert Rate.jobs.progress()["success"] == 1 and len(schema.jobs & "status = 'error'") == 2
        none = dict.fromkeys(("added", "removed", "re_pended", "orphaned"), 0)
        assert Rate.jobs.refresh(delay=-1) == none
        assert (schema.jobs & "table_name='__rate'").delete() == 2

        assert (Later.progress(), Later.progress("subject > 1"), len(Later.key_source)) == ((3, 3), (2, 2), 3)
        Later.insert1((1,), allow_direct_insert=True)
        assert Later.progress(display=False) == (2, 3)
    """
    check(script, server_address, tmp_path)


def test_processes_of_populate_import_the_module_too(server_address: str, tmp_path: Path) -> None:
    (tmp_path / "older_pipeline.py").write_text(
        textwrap.dedent("""
            import datajoint as dj

            schema = dj.schema("older_pipeline")

            @schema
            class Number(dj.Lookup):
                definition = "number : int"
                contents = [[1], [2], [3]]

            @schema
            class Square(dj.Computed):
                definition = '''
                -> Number
                ---
                square : int
                '''

                def _make_tuples(self, key):
                    self.insert1(dict(key, square=key["number"] ** 2))
        """),
        encoding="utf-8",
    )
    source = f"""
        import os
        import sys

        os.environ["LEVADA_URL"] = {server_address!r}
        os.environ["PYTHONPATH"] = {str(tmp_path)!r}
        sys.path.insert(0, {str(tmp_path)!r})
        if __name__ == "__main__":
            import levada.as_datajoint
            import older_pipeline

            older_pipeline.Square.populate(processes=2)
            print(older_pipeline.Square.fetch("square", order_by="KEY").tolist())
            older_pipeline.schema.drop(force=True)
    """
    result = run(source, tmp_path)
    assert (result.returncode, result.stdout.splitlines()[-1:]) == (0, ["[1, 4, 9]"]), result.stderr


def test_the_other_package_must_not_be_loaded(tmp_path: object) -> None:
    source = """
        import sys, types
        sys.modules["datajoint"] = other = types.ModuleType("datajoint")
        try:
            import levada.as_datajoint
        except Exception as error:
            print(error)
        assert sys.modules["datajoint"] is other
    """
    result = run(source, tmp_path)
    assert "before the first import" in result.stdout, result.stderr

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

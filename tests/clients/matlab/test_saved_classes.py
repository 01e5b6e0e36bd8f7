"""Classes that Python writes for MATLAB declare the tables that Python declared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import levada as lv

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients.matlab.conftest import Octave

SCRIPT = """
addpath(folder);
connection = levada.connect(address);
for name = {'Species', 'Subject', 'Session', 'SessionTrial', 'SessionTrialLick', 'Trip', 'Stat'}
    table = feval(['lab.' name{1}]);
    printf('%s: %s %d\\n', name{1}, strjoin(primaryKey(table), ' '), count(table));
end
insert(lab.Session, {2 1});
assert(isa(lab.Stat, 'levada.Computed'))
[failed, errors] = populate(lab.Stat);
disp(errors(1).message)
"""


def test_saved_classes_stand_for_the_same_tables(octave: Octave, tmp_path: Path) -> None:
    with lv.Connection(octave.address) as connection:
        schema = lv.Schema("lab", connection=connection)

        @schema
        class Species(lv.Lookup):
            definition = "species : varchar(20)"
            contents = (("mouse",), ("rat",))

        @schema
        class Subject(lv.Manual):
            definition = """
            # an animal, 100 % wild
            subject_id : int32
            ---
            -> [nullable] Species
            name = 'nameless' : varchar(40)
            """

        @schema
        class Session(lv.Manual):
            definition = """
            -> Subject
            session : int16
            """

            class Trial(lv.Part):
                definition = """
                -> master
                trial : int16
                """

                class Lick(lv.Part):
                    definition = """
                    -> master
                    lick : int16
                    """

        @schema
        class Trip(lv.Manual):
            definition = """
            -> Subject.proj(first='subject_id')
            -> Subject.proj(second='subject_id')
            """

        @schema
        class Stat(lv.Computed):
            definition = """
            -> Session
            ---
            mean_rate : float64
            """

            def make(self, key: dict[str, object]) -> None:
                raise NotImplementedError

        Subject.insert([{"subject_id": 1}, {"subject_id": 2, "species": "rat"}])
        schema.save(tmp_path, language="matlab")
        before = {table.table_name: table.describe() for table in schema}
        printed = octave.run(SCRIPT, folder=str(tmp_path)).splitlines()
        assert printed == [
            "Species: species 2",
            "Subject: subject_id 2",
            "Session: subject_id session 0",
            "SessionTrial: subject_id session trial 0",
            "SessionTrialLick: subject_id session trial lick 0",
            "Trip: first second 0",
            "Stat: subject_id session 0",
            "Stat has no make yet.",
        ]
        assert {table.table_name: table.describe() for table in schema} == before

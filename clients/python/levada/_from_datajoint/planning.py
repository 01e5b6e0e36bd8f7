"""Planning an import: which tables come, by which names, and which foreign keys and indexes they keep."""

from __future__ import annotations

from dataclasses import asdict
from shlex import quote
from typing import TYPE_CHECKING

from levada._base.text import plural
from levada._from_datajoint import naming
from levada._from_datajoint.columns import ColumnPlanner, one_line
from levada._from_datajoint.decisions import ZONE, Question, check_answer
from levada._from_datajoint.facts import MYSQL, POSTGRESQL, Place
from levada._from_datajoint.misfits import Misfits
from levada._from_datajoint.ordering import order
from levada._from_datajoint.plan import NotBrought, Plan, PlannedColumn, PlannedKey, PlannedTable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from levada._from_datajoint.decisions import Decisions
    from levada._from_datajoint.facts import Database, ForeignKey, Grant, Index, StoredTable

_PLAIN = "plain"


def make_plan(
    database: Database, decisions: Decisions, spellings: Mapping[str, str], stores: Mapping[str, Path | None]
) -> Plan:
    """Plan an import.

    Args:
        database: The facts.
        decisions: The answers; questions without one are noted there.
        spellings: The classes' names by stored names, as the code has them.
        stores: The stores here, each with its folder if this machine sees it.
    """
    decisions.begin()
    return _Planner(database, decisions, spellings, stores).plan()


class _Planner:
    """Makes one plan, and collects its changes and problems."""

    def __init__(
        self, database: Database, decisions: Decisions, spellings: Mapping[str, str], stores: Mapping[str, Path | None]
    ) -> None:
        self._database = database
        self._decisions = decisions
        self._spellings = spellings
        self._problems: list[str] = []
        self._changes: list[str] = []
        self._not_brought: list[NotBrought] = []
        self._schemas = self._schema_names()
        self._brought: dict[Place, naming.TableNames] = {}
        self._planned: dict[Place, PlannedTable] = {}
        self._beyond: dict[tuple[str, str], list[str]] = {}
        """The places that refer from a schema to another that the user may not read."""
        self._columns = ColumnPlanner(
            database, decisions, self._planned, self._attribute, stores, self._problems, self._changes
        )

    def plan(self) -> Plan:
        """Make the plan."""
        jobs = self._sort_out()
        for program in self._database.programs:
            self._not_brought.append(
                NotBrought(f"{program.schema}.{program.name}", f"{program.what}: what it does belongs into your code")
            )
        tables, keys = self._foreign_keys()
        ordered = order({place: [key.parent for key in keys[place]] for place in tables})
        self._check_reach()
        for circle in ordered.circles:
            self._ask_about(circle, keys)
        for place in ordered.places:
            self._planned[place] = self._table(tables[place], keys[place])
        self._columns.check_stores()
        self._check_names()
        self._tell_of_text()
        utc = self._zone()
        misfits = Misfits(self._database, self._decisions, self._columns.stores)
        self._problems += misfits.problems()
        return Plan(
            self._schemas,
            tuple(self._planned[place] for place in ordered.places),
            tuple(jobs),
            tuple(self._not_brought),
            tuple(self._changes),
            tuple(self._problems),
            tuple(self._decisions.open.values()),
            tuple(self._columns.open_stores),
            self._decided(),
            {question.id: next(iter(question.answers.items())) for question in self._decisions.lone.values()},
            tuple(misfits.needless()),
            grants=tuple(self._grants()),
            sections=self._decisions.sections,
            utc=utc,
        )

    def _decided(self) -> dict[str, Mapping[str, object]]:
        """Return the decisions that had an effect, by section of the file of decisions."""
        decisions = self._decisions
        places = {f"{table.place}.{column.source}" for table in self._planned.values() for column in table.columns}
        sections: dict[str, Mapping[str, object]] = {
            "schemas": {there: here for there, here in decisions.schemas.items() if there in self._schemas},
            "attributes": {where: name for where, name in decisions.attributes.items() if where in places},
            "decisions": dict(decisions.taken),
            "stores": {name: asdict(one) for name, one in decisions.stores.items() if name in self._columns.stores},
        }
        return {name: lines for name, lines in sections.items() if lines}

    # ---------------------------------------------------------------------------------------------- names

    def _schema_names(self) -> dict[str, str]:
        names: dict[str, str] = {}
        for schema in self._database.schemas:
            name = self._decisions.schemas.get(schema) or naming.schema_name(schema)
            if not naming.is_schema_name(name):
                self._problems.append(
                    f"The schema {schema!r} cannot be called {name!r} here: a-z, 0-9 and _, a letter first, not "
                    "`levada…` or `pg_…`. Write another name under [schemas] in the file of decisions."
                )
            if (other := next((one for one, taken in names.items() if taken == name), None)) is not None:
                self._problems.append(
                    f"The schemas {other!r} and {schema!r} would both be called `{name}` here. Write a name for one of "
                    f"them under [schemas] in the file of decisions: {schema!r} = …"
                )
            names[schema] = name
            if name != schema:
                self._changes.append(f"The schema {schema!r} is called `{name}` here.")
        return names

    def _attribute(self, place: Place, column: str) -> str:
        return self._decisions.attributes.get(f"{place}.{column}", column)

    def _check_names(self) -> None:
        seen: dict[tuple[str, str], Place] = {}
        for table in self._planned.values():
            key = table.schema, table.class_path
            if key in seen:
                self._problems.append(
                    f"{seen[key]} and {table.place} would both be `{table.name}` here. Rename one of them in DataJoint."
                )
            seen[key] = table.place
            if not naming.is_class_path(table.class_path):
                self._problems.append(
                    f"{table.place}: its name here, `{table.class_path}`, is too long for PostgreSQL. Rename it "
                    "in DataJoint."
                )
            for column in table.columns:
                if not naming.is_attribute_name(column.name):
                    self._problems.append(
                        f"{table.place}: an attribute cannot be called {column.name!r} here. Write another name under "
                        f'[attributes] in the file of decisions: "{table.place}.{column.source}" = …'
                    )

    # ------------------------------------------------------------------------------------- what comes at all

    def _sort_out(self) -> list[StoredTable]:
        """Find the tables to bring, and say why the others stay; return the tables of jobs."""
        jobs = []
        self._sort_out_hidden()
        for table in self._database.tables:
            name = table.place.table
            if name == "~jobs" or name.startswith("~~"):
                jobs.append(table)
            elif name.startswith("~external"):
                self._leave(table, "the hashes of a store, which its columns bring along")
            elif name.startswith("~lineage"):
                self._leave(table, "foreign keys say where attributes originate")
            elif name.startswith("~"):
                self._leave(table, "not data: DataJoint's own notes")
            elif table.view:
                self._leave(table, "a view: write it as a query in your code")
            elif (names := naming.table_names(name, self._spellings)) is None:
                self._leave(table, "not a table of DataJoint; `levada insert` brings its rows from a CSV file")
            elif not table.primary_key:
                self._leave(table, "a table without a primary key; `levada insert` brings its rows from a CSV file")
            elif names.master and self._database.table(Place(table.place.schema, names.master)) is None:
                hidden = table.place.schema in self._database.partly
                why = f"{self._database.reader} may not see" if hidden else "is missing"
                self._leave(table, f"a part whose master `{names.master}` {why}")
            else:
                self._brought[table.place] = names
        return jobs

    def _sort_out_hidden(self) -> None:
        """Say what the user may not read or see."""
        facts = self._database
        for schema in facts.partly:
            if not any(table.place.schema == schema for table in facts.tables):
                self._problems.append(
                    f"{facts.reader} may not read any table of {schema!r}. {self._let(schema, 'Leave it out, or let')}"
                )
                continue
            some = f"{facts.reader} may read only some of its tables, and sees no others"
            self._not_brought.append(
                NotBrought(f"{schema}, but for what is named here", f"{some}. {self._let(schema)}")
            )
        for place in sorted(facts.unreadable, key=str):
            if any(table.place.schema == place.schema for table in facts.tables):
                self._not_brought.append(NotBrought(str(place), f"{facts.reader} may not read all of it"))
        for schema in facts.passed_over:
            why = f"{facts.reader} may not read all of its tables. "
            why += self._let(schema, "Name it, if the others are enough, or let")
            if facts.schemas:
                self._not_brought.append(NotBrought(schema, why))
            else:
                self._problems.append(f"{schema!r} does not come: {why}")
        if facts.only_own_grants:
            self._not_brought.append(
                NotBrought("triggers, procedures and events", f"{facts.reader} sees only those with a right to them")
            )

    def _leave(self, table: StoredTable, why: str) -> None:
        self._not_brought.append(NotBrought(str(table.place), why, table.row_count))

    # --------------------------------------------------------------------------------------- foreign keys

    def _foreign_keys(self) -> tuple[dict[Place, StoredTable], dict[Place, list[ForeignKey]]]:
        """Return the tables to bring, and which of their foreign keys remain."""
        tables = {table.place: table for table in self._database.tables if table.place in self._brought}
        return tables, {
            place: [key for key in table.foreign_keys if self._keeps(table, key)] for place, table in tables.items()
        }

    def _keeps(self, table: StoredTable, key: ForeignKey) -> bool:
        """Return whether a foreign key remains one here."""
        where = f"{table.place} ({', '.join(key.columns)})"
        hidden = key.parent in self._database.unreadable
        if key.parent.table.startswith("~external"):
            if hidden:
                refused = f"{where} refers to files of a store: {self._database.reader} may not read {key.parent}."
                self._problems.append(f"{refused} {self._let(key.parent.schema)}")
            return False
        dangling = (table.place, key.name) in self._database.dangling
        if key.parent.schema not in self._schemas and not dangling:
            if hidden:
                self._beyond.setdefault((table.place.schema, key.parent.schema), []).append(where)
            else:
                self._problems.append(
                    f"{where} refers to the schema {key.parent.schema!r}, which is not imported. Import it too."
                )
            return False
        id_ = f"foreign-key:{table.place}.{key.name}"
        parent = self._database.table(key.parent)
        if key.parent not in self._brought or parent is None or set(parent.primary_key) != set(key.parent_columns):
            target = f"{key.parent} ({', '.join(key.parent_columns)})"
            question = Question(
                id_,
                f"{where} refers to {target}, which {self._database.reader} may not read. "
                f"{self._let(key.parent.schema, 'Give the foreign key up, or let')}"
                if hidden
                else f"{where} refers to {target}, which is not there."
                if dangling
                else f"{where} refers to {target}, which is not the primary key of a table that comes.",
                {_PLAIN: "bring the column without the foreign key"},
                by_hand=True,
            )
            self._decisions.ask(question)
            return False
        given_up = Question(id_, f"{where} refers to {key.parent}.", {_PLAIN: "bring the column without it"})
        if self._decisions.offer(given_up) == _PLAIN:
            self._changes.append(f"{where} is brought without its foreign key to {key.parent}.")
            return False
        return self._fits_parents(table, key, where)

    def _check_reach(self) -> None:
        """Say which schemas refer to others that the user may not read."""
        for (schema, beyond), places in self._beyond.items():
            others = f" and {plural(len(places) - 1, 'other foreign key')}" if places[1:] else ""
            let = self._let(beyond, f"Leave {schema!r} out, by naming the schemas that shall come, or let")
            self._problems.append(
                f"{schema!r} refers to the schema {beyond!r}, which {self._database.reader} may not read, in "
                f"{places[0]}{others}. {let}"
            )

    def _let(self, schema: str, let: str = "Let") -> str:
        return f"{let} an administrator of the database run: {grant_to_read(self._database, schema)}"

    def _fits_parents(self, table: StoredTable, key: ForeignKey, where: str) -> bool:
        strays = self._database.strays.get((table.place, key.name))
        if strays is None:
            return True
        if strays.orphans:
            question = Question(
                f"orphans:{table.place}.{key.name}",
                f"{plural(strays.orphans, 'row')} of {where} without a parent in {key.parent}. Mend them in DataJoint, "
                "or give the foreign key up.",
                {_PLAIN: "bring the rows, and the column without the foreign key"},
                by_hand=True,
            )
            self._decisions.ask(question)
            return False
        question = Question(
            f"spelling:{table.place}.{key.name}",
            f"{plural(strays.spelled, 'row')} of {where} spelled otherwise than in {key.parent}, in case or blanks at "
            "the end; here text is compared exactly.",
            {
                "parent": "take the parent's spelling",
                _PLAIN: "keep the spelling, and bring the column without the foreign key",
            },
        )
        return self._decisions.ask(question) != _PLAIN

    def _ask_about(self, circle: Sequence[Place], keys: dict[Place, list[ForeignKey]]) -> None:
        """Ask which foreign key of a circle is given up."""
        within = [(place, key) for place in circle for key in keys[place] if key.parent in circle]
        names = {f"{place}.{key.name}": (place, key) for place, key in within}
        others = {name: (f"foreign-key:{name}", _PLAIN) for name in names}
        id_, _ = next(iter(others.values()))
        self._decisions.open[id_] = Question(
            id_,
            f"{' → '.join(map(str, [*circle, circle[0]]))} refer to each other in a circle, which is refused here. "
            "Give up one of the foreign keys.",
            {
                name: f"bring {place} ({', '.join(key.columns)}) without its foreign key to {key.parent}"
                for name, (place, key) in names.items()
            },
            by_hand=True,
            others=others,
        )

    # ---------------------------------------------------------------------------------------------- tables

    def _table(self, table: StoredTable, keys: Sequence[ForeignKey]) -> PlannedTable:
        names = self._brought[table.place]
        changes: list[str] = []
        hidden = tuple(column.name for column in table.columns if column.name.startswith("_"))
        columns = [
            self._columns.plan(table, column, keys, changes) for column in table.columns if column.name not in hidden
        ]
        brought = tuple(column for column in columns if column is not None)
        planned = tuple(self._key(table, key) for key in keys)
        changes += _lost(table, keys)
        number = table.next_number if any(column.auto_increment for column in brought) else None
        comment = one_line(table.comment, "its comment", changes)
        return PlannedTable(
            table.place,
            self._schemas[table.place.schema],
            names.class_path,
            names.tier,
            self._is_computed(table.place.schema, names),
            comment,
            brought,
            planned,
            tuple(self._indexes(table, keys, brought, changes)),
            tuple(name for name in hidden if name not in table.primary_key),
            table.row_count,
            number,
            tuple(changes),
        )

    def _is_computed(self, schema: str, names: naming.TableNames) -> bool:
        maker = self._brought.get(Place(schema, names.master), names) if names.master else names
        return maker.tier in ("Imported", "Computed")

    def _key(self, table: StoredTable, key: ForeignKey) -> PlannedKey:
        spelled = self._database.strays.get((table.place, key.name)) is not None
        return PlannedKey(
            key,
            key.parent,
            tuple(
                (self._attribute(table.place, child), self._attribute(key.parent, parent))
                for child, parent in zip(key.columns, key.parent_columns, strict=True)
            ),
            all(name in table.primary_key for name in key.columns),
            any(table.column(name).nullable for name in key.columns),
            any(index.unique and set(index.columns) == set(key.columns) for index in table.indexes),
            spelled,
        )

    def _indexes(
        self, table: StoredTable, keys: Sequence[ForeignKey], columns: Sequence[PlannedColumn], changes: list[str]
    ) -> list[tuple[tuple[str, ...], bool]]:
        """Return the indexes that the foreign keys do not bring."""
        names = {column.source: column for column in columns}
        found = []
        for index in table.indexes:
            if not index.columns:
                changes.append(f"The index {index.name}, {index.text}, is not brought.")
            elif index.columns and not set(index.columns) <= names.keys():
                changes.append(f"The index {index.name} of columns that do not come is not brought.")
            elif not self._belongs_to_key(index, table, keys) and not any(names[name].hashes for name in index.columns):
                found.append((tuple(names[name].name for name in index.columns), index.unique))
        return found

    def _belongs_to_key(self, index: Index, table: StoredTable, keys: Sequence[ForeignKey]) -> bool:
        if index.unique:
            return any(set(index.columns) == set(key.columns) for key in keys)
        leading = [*(key.columns for key in keys), table.primary_key]
        return any(columns[: len(index.columns)] == index.columns for columns in leading)

    def _tell_of_text(self) -> None:
        """Say that texts are compared exactly, if they were not."""
        folded = [
            f"{table.place}.{column.name}"
            for table in self._database.tables
            if table.place in self._brought
            for column in table.columns
            if column.folds and column.name in {one.source for one in self._planned[table.place].columns}
        ]
        if folded:
            others = f" and {plural(len(folded) - 1, 'other column')}" if folded[1:] else ""
            self._changes.append(
                "Text is compared exactly here, in keys and unique indexes too. Case or blanks at the end do not count "
                f"there in {folded[0]}{others}."
            )

    def _zone(self) -> bool:
        zone = self._database.zone
        moments = [
            table.place
            for table in self._database.tables
            if table.place in self._brought and any(column.type.startswith("timestamp") for column in table.columns)
        ]
        asked = bool(zone and moments) and self._database.dialect == MYSQL
        others = f" and {plural(len(moments) - 1, 'other table')}" if moments[1:] else ""
        question = Question(
            ZONE,
            f"MySQL shows `timestamp` in the zone of the session, {zone}, and here such moments are in UTC: those of "
            f"{moments[0]}{others}."
            if asked
            else "",
            {
                "utc": "bring the moments in UTC; the numbers change",
                "as shown": "bring the numbers as DataJoint shows them",
            },
        )
        if asked:
            return self._decisions.ask(question) != "as shown"
        check_answer(question, self._decisions.answers.get(ZONE, "utc"))
        return True

    def _grants(self) -> list[str]:
        """Return the commands that let the same people do the same; what has none, as comments."""
        facts = self._database
        users = {user: f"--administrator  # {user} may do everything there" for user in facts.superusers}
        given: dict[str, None] = {}
        coming = {place.schema for place in self._brought}
        begins: dict[str, dict[str, None]] = {}
        for grant in facts.grants:
            if grant.begins:
                name = naming.schema_name(f"{grant.schema}x")[:-1]  # which keeps `_` at its end
                begins.setdefault(grant.user, {})[name] = None
                continue
            role = _role(grant.privileges)
            if not role or grant.user in facts.superusers:
                continue
            brought = [self._schemas[name] for name in self._schemas if name in coming and grant.schema in ("", name)]
            if grant.table:
                brought = self._granted_table(grant)
            if brought:
                users.setdefault(grant.user, "")
            if not grant.schema and "CREATE" in grant.privileges:
                users[grant.user] = "--schemas ''  # creates schemas of any name, as there"
            given.update(dict.fromkeys(f"levada grants add {role} {name} {quote(grant.user)}" for name in brought))
        for user, names in begins.items():
            if not users.setdefault(user, ""):
                users[user] = " ".join(f"--schemas {quote(name)}" for name in names)
        commands = [f"levada users add {quote(user)} {how}".rstrip() for user, how in users.items()]
        if facts.only_own_grants:
            commands.append(f"# {facts.reader} sees no grants of others; an administrator of the database does")
        return [*commands, *given]

    def _granted_table(self, grant: Grant) -> list[str]:
        """Return the table of a grant here, which has its parts; nothing for parts, as grants name no part."""
        names = self._brought.get(Place(grant.schema, grant.table))
        return [f"{self._schemas[grant.schema]}.{names.class_path}"] if names and not names.master else []


def grant_to_read(database: Database, schema: str) -> str:
    """Write the statements that let the user read all tables of a schema; in MySQL, `_` alone stands for any letter."""
    reader = database.reader
    if database.dialect == POSTGRESQL:
        name = schema.replace('"', '""')
        on = [f'SELECT ON ALL {what} IN SCHEMA "{name}"' for what in ("TABLES", "SEQUENCES")]
        return " ".join(f"GRANT {right} TO {reader};" for right in (f'USAGE ON SCHEMA "{name}"', *on))
    name = schema.replace("`", "``").replace("_", "\\_").replace("%", "\\%")
    return f"GRANT SELECT ON `{name}`.* TO {reader};"


def _lost(table: StoredTable, keys: Sequence[ForeignKey]) -> Iterator[str]:
    """Say what the database does with a table that the server here does not."""
    for check in table.checks:
        yield f"The condition {check} is no longer checked."
    if table.partition_count:
        yield f"It is one table here, without its {plural(table.partition_count, 'partition')}."
    if table.versioned:
        yield "Past versions of its rows do not come, and none are kept."
    for column in table.columns:
        if column.generated:
            yield f"`{column.name}` is no longer computed as {column.generated}; its values come."
    for key in keys:
        if key.on_delete:
            yield f"Deleting a row of {key.parent} no longer does {key.on_delete}; `delete` here shows all that goes."
        nullable = [name for name in key.columns if table.column(name).nullable]
        if nullable and len(nullable) < len(key.columns):
            required = [f"`{name}`" for name in key.columns if name not in nullable]
            yield f"{', '.join(required)} may be NULL, like the other columns of the foreign key to {key.parent}."


def _role(privileges: frozenset[str]) -> str:
    """Return the role here that allows what some privileges of MySQL and PostgreSQL allow."""
    if privileges & {"DROP", "GRANT OPTION", "TRUNCATE"}:
        return "owner"
    if privileges & {"UPDATE", "DELETE", "CREATE", "ALTER"}:
        return "editor"
    if "INSERT" in privileges:
        return "depositor"
    return "viewer" if "SELECT" in privileges else "reference" if "REFERENCES" in privileges else ""

"""Tables: inserting and changing rows, their dependencies, and their place in the catalog."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias
from uuid import uuid4

import numpy as np

from levada._base import rules
from levada._base.absent_names import defines, missing
from levada._base.display import is_shown_alone
from levada._base.errors import InvalidRequest, NotFound, UnknownAttribute
from levada._base.names import class_path, full_name, parse_full_name, stored_name
from levada._base.text import Lines, meant
from levada._net.address import conn
from levada._objects.staging import Stager
from levada._query import nodes
from levada._query.class_level import CLASS_LEVEL, on_class, property_on_class
from levada._query.relation import Relation, Restricted
from levada._query.restriction import Not
from levada._tables.deletion import Deletion, drop_table, drop_table_quick
from levada._tables.file_registration import RegisteredFiles, register_files, unchanged_paths
from levada._tables.insertion import frame_with_key, insert
from levada._tables.staged_insert import StagedInsert, staged_insert1
from levada._tables.validation import ValidationResult, validate
from levada._values.codecs import encoder
from levada._values.columns import Place, arrow_column
from levada._values.condition_values import encode_condition_value
from levada._values.tabular import row_mapping
from levada._values.types import Family
from levada_api.v1 import row_service_pb2 as row_pb
from levada_api.v1 import schema_pb2, schema_service_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    import pandas as pd

    from levada._base.display import Printer
    from levada._net.connection import Connection
    from levada._values.heading import Heading

Member: TypeAlias = Any  # whatever a class has
Deleted: TypeAlias = Any  # the number of entities, or with `dry_run` the plan


class Home(Protocol):
    """The schema of a class, as seen by its tables."""

    database: str
    create_tables: bool

    def is_activated(self) -> bool:
        """Return whether the schema is known to a server."""
        ...

    @property
    def connection(self) -> Connection:
        """Its connection."""
        ...

    def _declare_again(self, table: Table, namespaces: Sequence[Mapping[str, Any]]) -> None:
        """Declare the table of a class, without its parts."""
        ...

    def _alter(
        self,
        table: Table,
        namespaces: Sequence[Mapping[str, Any]],
        renames: Mapping[str, str],
        new_name: str,
        prompt: bool | None,
    ) -> bool:
        """Alter a table to the definition of its class, after asking."""
        ...


class TableMeta(type):
    """Lets the class of a table act as the table: `Session & key`, `Session.insert1(row)`."""

    def __getattribute__(cls, name: str) -> Member:
        if name in CLASS_LEVEL and "_abstract" not in type.__getattribute__(cls, "__dict__"):
            return getattr(cls(), name)
        return super().__getattribute__(name)

    if not TYPE_CHECKING:

        def __getattr__(cls, name: str) -> Member:
            """Raise the error of a property that failed, or else an error that explains the name."""
            if defines(cls.__mro__, name):
                return TableMeta.__getattribute__(cls, name)
            raise missing(cls, name)

    def __and__(cls, condition: object) -> Restricted:
        return cls() & condition

    def __sub__(cls, condition: object) -> Restricted:
        return cls() - condition

    def __xor__(cls, condition: object) -> Restricted:
        return cls() ^ condition

    def __neg__(cls) -> Not:
        return Not(cls())

    def __mul__(cls, other: object) -> Relation:
        result: Relation = cls() * other
        return result

    def __matmul__(cls, other: object) -> Relation:
        result: Relation = cls() @ other
        return result

    def __add__(cls, other: object) -> Relation:
        result: Relation = cls() + other
        return result

    def _repr_pretty_(cls, printer: Printer, cycle: bool) -> None:
        """Show the rows where IPython shows a class by itself; within a list or as the value of a setting its name."""
        alone = is_shown_alone(printer) and cls._schema is not None
        place = f"{cls._schema.database}.{cls._class_name}" if cls._schema else f"{cls.__module__}.{cls.__qualname__}"
        printer.text(cls().preview().rstrip() if alone else place)

    def __len__(cls) -> int:
        return len(cls())

    def __bool__(cls) -> bool:
        # A class is always true; `bool(Session())` checks for entities.
        return True

    def __iter__(cls) -> Iterator[dict[str, Any]]:
        return iter(cls())

    def __contains__(cls, item: object) -> bool:
        return item in cls()


class Table(Relation, metaclass=TableMeta):
    """A table; a restriction of it is still a table. Users subclass Manual, Lookup, Imported, Computed and Part.

    All methods work on the class too: `Session.insert1(row)`.
    """

    _abstract: ClassVar[bool] = True
    _schema: ClassVar[Home | None] = None
    _class_name: ClassVar[str] = ""
    definition: str = ""

    def __init__(self) -> None:
        if type(self)._schema is not None:
            self._bind()

    # Only at run time: type checkers would take every name for a member.
    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Member:
            """Find the table of an instance that was created before its class was declared."""
            if name in ("_name", "_node", "_connection", "_heading"):
                self._bind()
                return vars(self)[name]
            return super().__getattr__(name)

    def _bind(self) -> None:
        schema = type(self)._schema
        if schema is None or not schema.database:
            raise InvalidRequest(
                f"`{type(self).__name__}` does not belong to a schema yet: decorate it with @schema, "
                "and activate the schema."
            )
        self._name = schema_pb2.TableName(schema=schema.database, table=type(self)._class_name)
        Relation.__init__(self, schema.connection, nodes.table(self._name.schema, self._name.table))

    # ---------------------------------------------------------------------------------------------- names

    @property_on_class
    def database(self) -> str:
        """The schema's name."""
        return self._name.schema

    @property_on_class
    def table_name(self) -> str:
        """The stored name: `session__trial`."""
        return stored_name(self._name.table)

    @property_on_class
    def class_name(self) -> str:
        """The name of the class, behind those of the classes around it: `Session.Trial`."""
        return self._name.table

    @property_on_class
    def full_table_name(self) -> str:
        """Schema and stored name: `` `lab`.`session__trial` ``."""
        return full_name(self._name)

    # -------------------------------------------------------------------------------------------- catalog

    @property_on_class
    def heading(self) -> Heading:
        """The ordered attributes."""
        return self._server().describe_table(self._name).heading

    def _title(self) -> tuple[str, str]:
        table = self._server().describe_table(self._name).table
        return class_path(table.name), table.comment

    @property_on_class
    def is_declared(self) -> bool:
        """Whether the table exists."""
        try:
            self._server().describe_table(self._name)
        except NotFound:
            return False
        return True

    @property_on_class
    def size_on_disk(self) -> int:
        """How many bytes its rows and indexes take in the database, without content in stores."""
        request = schema_service_pb2.DescribeTableRequest(name=self._name, include_size=True)
        response = self._server().call("SchemaService/DescribeTable", request, schema_service_pb2.DescribeTableResponse)
        return response.table_bytes

    @on_class
    def describe(self, context: object = None, printout: bool = False) -> str:
        """Return a definition that declares this table.

        Args:
            context: Not needed: names are those of the catalog.
            printout: Also write it to standard output.
        """
        definition = self._server().describe_table(self._name).table.definition
        if printout:
            print(definition)  # noqa: T201  # asked for
        return Lines(definition)

    @on_class
    def parents(
        self, primary: bool | None = None, as_objects: bool = False, foreign_key_info: bool = False
    ) -> list[Any]:  # Any: names, tables, or pairs
        """Return the tables that this one refers to, in the order of its definition.

        Args:
            primary: True: only by the primary key; False: only by other attributes; None: both.
            as_objects: As tables rather than as full names.
            foreign_key_info: As pairs with a dictionary about the foreign key.
        """
        keys = self._server().describe_table(self._name).table.foreign_keys
        return self._relatives([(k.parent, k) for k in keys], primary, as_objects, foreign_key_info)

    @on_class
    def children(
        self, primary: bool | None = None, as_objects: bool = False, foreign_key_info: bool = False
    ) -> list[Any]:  # Any: names, tables, or pairs
        """Return the tables that refer to this one; arguments as for `parents`."""
        own = self._server().describe_table(self._name).table.name
        keys = [(t.name, k) for t in self._graph(descendant_steps=1) for k in t.foreign_keys if k.parent == own]
        return self._relatives(keys, primary, as_objects, foreign_key_info)

    @on_class
    def ancestors(self, as_objects: bool = False) -> list[Any]:  # Any: names or tables
        """Return all tables that this one depends on, and itself, parents first; by DataJoint's rules, itself first."""
        found = self._shown([t.name for t in self._graph(ancestor_steps=-1)], as_objects)
        return found[::-1] if rules.are_of_datajoint() else found

    @on_class
    def descendants(self, as_objects: bool = False) -> list[Any]:  # Any: names or tables
        """Return all tables that depend on this one, and itself, parents first."""
        return self._shown([t.name for t in self._graph(descendant_steps=-1)], as_objects)

    @on_class
    def parts(self, as_objects: bool = False) -> list[Any]:  # Any: names or tables
        """Return the part tables; none if this table does not exist yet."""
        if not self.is_declared:
            return []
        prefix = self._server().describe_table(self._name).table.name.table + "."
        tables = self._graph(descendant_steps=1)
        names = [t.name for t in tables if t.name.schema == self._name.schema and t.name.table.startswith(prefix)]
        return self._shown(names, as_objects)

    # ----------------------------------------------------------------------------------------------- rows

    @on_class
    def insert1(
        self,
        row: object,
        *,
        replace: bool = False,
        skip_duplicates: bool = False,
        ignore_extra_fields: bool = False,
        allow_direct_insert: bool | None = None,
    ) -> None:
        """Insert one row: a mapping, or a sequence in the order of the heading. Arguments as for `insert`."""
        self.insert(
            [row],
            replace=replace,
            skip_duplicates=skip_duplicates,
            ignore_extra_fields=ignore_extra_fields,
            allow_direct_insert=allow_direct_insert,
        )

    @property_on_class
    def staged_insert1(self) -> AbstractContextManager[StagedInsert]:
        """Write the files of one entity before it is inserted, at the end of the block.

        ```
        with Recording.staged_insert1 as staged:
            staged.rec.update(subject="a", session=1)
            zarr.open(staged.store("traces", ".zarr"), mode="w")[:] = traces
        ```

        The bytes go straight into their store, where nobody sees them before the entity is inserted. If the block
        fails, nothing is inserted, and they expire some days later.
        """
        return staged_insert1(self)

    @on_class
    def register_files(
        self,
        pattern: str | None = None,
        *,
        attribute: str | None = None,
        folder: str = "",
        values: Mapping[str, object] | None = None,
        dry_run: bool = False,
        display_progress: bool = True,
    ) -> RegisteredFiles:
        """Register the files of a folder of a store where they lie, and insert an entity for each.

        It may be repeated at any time: files whose entities exist are left alone, and a call that was cut off goes on.

        ```
        Movie.register_files("2026/{subject}/{session}_*.avi", folder="2026")
        ```

        Args:
            pattern: The form of the paths within the store: `{name}` is the value of an attribute within a name,
                `{name*}` also with slashes, `*` and `**` are anything else. By default the path is the whole key.
            attribute: The attribute of type `<filepath@…>`, if the table has several.
            folder: The folder of the store; by default all folders that the server gives to the schema.
            values: Values of other attributes, the same for all.
            dry_run: Only count.
            display_progress: Show the progress to people.

        Raises:
            InvalidRequest: The paths do not say the key, or the schema may not register files of the folder.
        """
        return register_files(
            self, attribute, pattern, folder=folder, values=values or {}, dry_run=dry_run, progress=display_progress
        )

    @on_class
    def unchanged_files(
        self, folder: str = "", *, minutes: float = 5, pattern: str = "*", attribute: str | None = None
    ) -> Iterator[str]:
        """Yield the paths of files of a store that have not changed for some minutes, by the clock of the server.

        They are files that rows of this table may name by an attribute `<filepath@…>`: for its `discover`.

        Args:
            folder: The folder of the store; by default all folders that the server gives to the schema.
            minutes: For how long a file must not have changed; 0 for all files.
            pattern: Only files whose names match, such as `"*.h5"`.
            attribute: The attribute of type `<filepath@…>`, if the table has several.

        Raises:
            InvalidRequest: The table has no such attribute, or the schema may not register files of the folder.
        """
        return unchanged_paths(self, attribute, folder=folder, minutes=minutes, pattern=pattern)

    @on_class
    def insert(
        self,
        rows: object,
        replace: bool = False,
        skip_duplicates: bool = False,
        ignore_extra_fields: bool = False,
        allow_direct_insert: bool | None = None,
        chunk_size: int | None = None,
    ) -> None:
        """Insert rows, all or none. A missing field, or None, takes the attribute's default.

        Args:
            rows: An iterable of mappings, of sequences in the order of the heading, or of records; a structured array;
                a DataFrame of pandas or polars; an Arrow table; the path of a CSV file; or a query, whose rows are not
                sent to this machine.
            replace: Update rows whose primary key exists.
            skip_duplicates: Skip rows whose primary key exists.
            ignore_extra_fields: Ignore fields that are not attributes.
            allow_direct_insert: Insert into an Imported or Computed table outside its `make`.
            chunk_size: Insert this many rows at a time, each time all or none.

        Raises:
            DuplicateEntity: A primary key exists.
            MissingParent: The parent of a foreign key does not exist.
            MissingAttribute: A value is missing and there is no default.
            UnknownAttribute: A field is not an attribute.
            WrongValue: A value does not fit its attribute.
        """
        options = row_pb.InsertOptions(
            skip_duplicates=skip_duplicates,
            replace=replace,
            ignore_extra_fields=ignore_extra_fields,
            allow_direct_insert=bool(allow_direct_insert),
        )
        insert(self, rows, options, chunk_size)

    @on_class
    def insert_dataframe(
        self,
        df: pd.DataFrame,
        index_as_pk: bool | None = None,
        *,
        replace: bool = False,
        skip_duplicates: bool = False,
        ignore_extra_fields: bool = False,
        allow_direct_insert: bool | None = None,
        chunk_size: int | None = None,
    ) -> None:
        """Insert a pandas DataFrame, in the form of `to_pandas`. The other arguments are those of `insert`.

        Args:
            df: One column per attribute.
            index_as_pk: Its index is the primary key (True), or is dropped (False); None: depending on its names.

        Raises:
            InvalidRequest: It is not a DataFrame, or its index should be the key but has other names.
        """
        self.insert(
            frame_with_key(self, df, index_as_pk),
            replace=replace,
            skip_duplicates=skip_duplicates,
            ignore_extra_fields=ignore_extra_fields,
            allow_direct_insert=allow_direct_insert,
            chunk_size=chunk_size,
        )

    @on_class
    def validate(self, rows: object, *, ignore_extra_fields: bool = False) -> ValidationResult:
        """Find the rows that `insert` would refuse, and why: types, missing values, keys that exist, missing parents.

        The rows are inserted in a transaction that is rolled back.

        Args:
            rows: As for `insert`, except a file.
            ignore_extra_fields: Ignore fields that are not attributes.

        Returns:
            `is_valid`, `errors` with row, attribute and message of each, `rows_checked`, `summary()`.
        """
        options = row_pb.InsertOptions(ignore_extra_fields=ignore_extra_fields, allow_direct_insert=True)
        return validate(self, rows, options)

    @on_class
    def update1(self, row: Mapping[str, Any]) -> None:  # Any: an attribute's value
        """Change secondary attributes of one entity; None sets an attribute's default.

        Args:
            row: The whole primary key, and the attributes to change.

        Raises:
            NotFound: There is no entity with this key.
        """
        given, row = row, row_mapping(row)  # type: ignore[assignment]  # None is refused
        if row is None:
            raise InvalidRequest(f"update1 takes a mapping with the whole key, not a {type(given).__name__}.")
        if self._restricted_here():
            raise InvalidRequest("update1 works on the whole table: its row names the entity.")
        request = row_pb.UpdateRowRequest(name=self._name, request_id=uuid4().hex)
        for name, value in row.items():
            entry = request.row.add(name=name)
            entry.value.CopyFrom(encode_condition_value(self._stored(name, value, row), f"attribute `{name}`"))
        self._server().call("RowService/UpdateRow", request, row_pb.UpdateRowResponse)

    @on_class
    def delete(
        self,
        transaction: bool = True,
        safemode: bool | None = None,
        force_parts: bool = False,
        force_masters: bool = False,
        *,
        prompt: bool | None = None,
        part_integrity: str = "enforce",
        dry_run: bool = False,
    ) -> Deleted:
        """Delete the entities and everything that depends on them, in every schema, after asking.

        Args:
            transaction: Not needed: a delete is one transaction.
            safemode: The older name of `prompt`.
            force_parts: The older `part_integrity="ignore"`.
            force_masters: The older `part_integrity="cascade"`.
            prompt: Whether to ask first; by default according to the setting `safemode`.
            part_integrity: `"enforce"`: refuse to delete parts without their master; `"ignore"`: delete them;
                `"cascade"`: delete the masters too.
            dry_run: Delete nothing and return the plan.

        Returns:
            The number of deleted entities of this table; with `dry_run` a `DeletePlan`.
        """
        integrity = "cascade" if force_masters else "ignore" if force_parts else part_integrity
        deletion = self._deletion(integrity)
        return deletion.plan() if dry_run else deletion.run_if_confirmed(safemode if prompt is None else prompt)

    @on_class
    def delete_quick(self, get_count: bool = False) -> int | None:
        """Delete the entities without asking, and only if nothing depends on them.

        Args:
            get_count: Return their number.

        Raises:
            HasChildren: Something depends on them.
        """
        count = self._deletion().run(quick=True)
        return count if get_count else None

    @on_class
    def declare(self, context: Mapping[str, Any] | None = None) -> None:
        """Declare the table of a class as `@schema` does, also if its schema should create no tables.

        Args:
            context: Looked up for the names after `->`; by default the scopes of the caller and the class.
        """
        frame = sys._getframe(1)
        self._home("declare")._declare_again(self, [context or {}, frame.f_locals, frame.f_globals])

    @on_class
    def alter(
        self,
        prompt: bool | None = None,
        context: Mapping[str, Any] | None = None,
        rename: Mapping[str, str] | None = None,
        *,
        new_name: str = "",
    ) -> bool:
        """Alter the table to the present `definition` of the class, after showing the changes and asking.

        The primary key can only be renamed. Values that a new type cannot hold are an error, and nothing changes.

        Args:
            prompt: Whether to ask first; by default according to the setting `safemode`.
            context: Looked up for the names after `->`; by default the scopes of the caller and the class.
            rename: `{"new": "old"}`: attributes to rename. An attribute not named here is dropped with its values, and
                a new one added.
            new_name: The new name of the class; its parts follow. Then rename the class in the code.

        Returns:
            Whether anything was altered.

        Raises:
            PlanChanged: The table changed since the changes were shown.
            Conflict: The table is in use by long queries or transactions.
        """
        frame = sys._getframe(1)
        schema = self._home("alter")
        return schema._alter(self, [context or {}, frame.f_locals, frame.f_globals], rename or {}, new_name, prompt)

    @on_class
    def definition_history(self) -> list[tuple[datetime, str]]:
        """Return the definitions of the table: since when, in UTC, and the text as written; the present one last."""
        request = schema_service_pb2.DescribeTableRequest(name=self._name, include_history=True)
        response = self._server().call("SchemaService/DescribeTable", request, schema_service_pb2.DescribeTableResponse)
        return [(past.create_time.ToDatetime(UTC), past.definition) for past in response.history]

    @on_class
    def drop(self, prompt: bool | None = None, part_integrity: str = "enforce") -> None:
        """Drop the table and everything that depends on it, after asking.

        Args:
            prompt: Whether to ask first; by default according to the setting `safemode`.
            part_integrity: `"enforce"`: refuse to drop parts without their master; `"ignore"`: drop them.

        Raises:
            HasChildren: A part would go without its master.
        """
        if self._restricted_here():
            raise InvalidRequest("A restricted table cannot be dropped; drop the table, or delete these entities.")
        drop_table(self._server(), self._name, prompt, part_integrity)

    @on_class
    def drop_quick(self) -> None:
        """Drop the table without asking, and only if no other depends on it.

        Raises:
            HasChildren: A table does.
        """
        drop_table_quick(self._server(), self._name)

    # --------------------------------------------------------------------------------------------- inside

    def _deletion(self, part_integrity: str = "enforce") -> Deletion:
        return Deletion(self._server(), self.full_table_name, self._message(), part_integrity)

    def _stored(self, name: str, value: object, row: Mapping[str, object]) -> object:
        """Convert a value to its attribute's stored form, if that is bytes or an object in a store."""
        if name not in self.heading:
            raise UnknownAttribute(
                f"`{self._name.table}` has no attribute `{name}`; {meant(name, self.heading.names, 'it has')}.",
                {"attribute": name},
            )
        attribute = self.heading[name]
        if value is not None and attribute.parsed_type.codecs:
            key = {name: row[name] for name in self.heading.primary_key if name in row}
            value = encoder(attribute.parsed_type, lambda _: key)(value, 0)
            attribute = replace(attribute, type=str(attribute.parsed_type.stored))
        family = attribute.parsed_type.family
        rounded = family is Family.INTEGER and rules.are_of_datajoint()
        if value is None or not (rounded or family in (Family.BLOB, Family.FILE, Family.ARRAY, Family.OBJECT)):
            return value
        if family is Family.OBJECT:
            stager = Stager(self._server(), self._name, self.heading)
            return stager.stage([value], attribute, 0, key=lambda _: row)[0]
        column = arrow_column([value], attribute, Place(self._name.table))
        if family is not Family.ARRAY or column.null_count:
            return column[0].as_py()
        return np.ascontiguousarray(value, attribute.parsed_type.dtype).tobytes()

    def _home(self, verb: str) -> Home:
        """Return the schema of its class.

        Raises:
            InvalidRequest: It has no class under @schema.
        """
        schema = type(self)._schema
        if schema is None:
            raise InvalidRequest(
                f"{self.full_table_name} has no definition here; {verb} it through a class that has one, under @schema."
            )
        return schema

    def _restricted_here(self) -> bool:
        return bool(self._node.uses)

    def _graph(self, ancestor_steps: int = 0, descendant_steps: int = 0) -> Sequence[schema_pb2.Table]:
        request = schema_service_pb2.GetGraphRequest(
            tables=[self._name], ancestor_steps=ancestor_steps, descendant_steps=descendant_steps
        )
        return self._server().call("SchemaService/GetGraph", request, schema_service_pb2.GetGraphResponse).tables

    def _shown(self, names: Iterable[schema_pb2.TableName], as_objects: bool) -> list[Any]:  # Any: names or tables
        return [free_table(self._server(), name) if as_objects else full_name(name) for name in names]

    def _relatives(
        self,
        keys: Iterable[tuple[schema_pb2.TableName, schema_pb2.ForeignKey]],
        primary: bool | None,
        as_objects: bool,
        foreign_key_info: bool,
    ) -> list[Any]:  # Any: names, tables, or pairs
        chosen = [(name, key) for name, key in keys if primary is None or key.primary_key == primary]
        if not foreign_key_info:
            # Several foreign keys may lead to one table.
            unique = {full_name(name): name for name, _ in chosen}
            return self._shown(unique.values(), as_objects)
        return [
            (
                self._shown([name], as_objects)[0],
                {
                    "primary": key.primary_key,
                    "multi": not key.unique,
                    "aliased": any(pair.child != pair.parent for pair in key.attributes),
                    "attr_map": {pair.child: pair.parent for pair in key.attributes},
                },
            )
            for name, key in chosen
        ]


class FreeTable(Table):
    """A table without its own class: `FreeTable("lab.Session")`, or `FreeTable(connection, "lab.Session")`.

    Args:
        conn_or_name: The table's connection; or its name, if the connection is that of `conn()`.
        full_table_name: `lab.Session`, `lab.session`, or `` `lab`.`#species` ``.
    """

    _abstract: ClassVar[bool] = True

    def __init__(self, conn_or_name: Connection | str, full_table_name: str | None = None) -> None:
        if isinstance(conn_or_name, str):
            if full_table_name is not None:
                raise InvalidRequest(f"FreeTable takes a connection and a name, not two names: {conn_or_name!r}.")
            connection, full_table_name = conn(), conn_or_name
        elif full_table_name is None:
            raise InvalidRequest("FreeTable needs the name of a table: FreeTable(connection, 'schema.Table').")
        else:
            connection = conn_or_name
        self._name = parse_full_name(full_table_name)
        Relation.__init__(self, connection, nodes.table(self._name.schema, self._name.table))


def free_table(connection: Connection, name: schema_pb2.TableName) -> FreeTable:
    """Create a table without a class from its name."""
    return FreeTable(connection, f"{name.schema}.{name.table}")

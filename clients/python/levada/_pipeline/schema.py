"""Schemas: namespaces of tables, and decorators that declare classes in them."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

from levada._base.absent_names import Explained
from levada._base.config import config
from levada._base.display import html_line, is_shown_alone
from levada._base.errors import InvalidRequest, LevadaError, NotFound, UnknownTable, warn
from levada._base.names import class_path, schema_name_of
from levada._base.prompt import confirm
from levada._base.text import Lines, meant, sendable, shown
from levada._crew.activations import record as record_activation
from levada._jobs.job_table import has_jobs, job_table
from levada._net.address import conn
from levada._net.pages import pages
from levada._pipeline.alteration import alter
from levada._pipeline.declaration import bind, declare, declare_bound, own_namespaces
from levada._pipeline.saving import source_of
from levada._pipeline.saving_matlab import files_of
from levada._pipeline.schema_jobs import SchemaJobs
from levada._pipeline.schema_overview import AUTO_POPULATED, overview
from levada._pipeline.tiers import TIERS, Part
from levada._tables.table import FreeTable, Table, TableMeta, free_table
from levada._values.codecs import register_adapters
from levada_api.v1 import schema_pb2
from levada_api.v1 import schema_service_pb2 as pb

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping, MutableMapping, Sequence

    from levada._base.display import Printer
    from levada._net.connection import Connection
    from levada._net.transaction import TransactionBlock

_T = TypeVar("_T", bound="type[Table]")

_CONTRACT = "MAKE_CONTRACT_"


class Schema(Explained):
    """A namespace of tables, and the decorator that declares a class as one of them.

    Args:
        schema_name: `[a-z][a-z0-9_]*`, capitals are replaced with a warning; None to set it later with `activate`.
        context: Looked up for names after `->`, before the module of the decorated class.
        connection: The schema's connection; by default that of `conn()`.
        create_schema: Create it if it does not exist.
        create_tables: Declare the classes; False uses existing tables only. By default the setting
            `database.create_tables`.
        add_objects: More objects for names after `->`.
    """

    def __init__(
        self,
        schema_name: str | None = None,
        context: Mapping[str, Any] | None = None,
        *,
        connection: Connection | None = None,
        create_schema: bool = True,
        create_tables: bool | None = None,
        add_objects: Mapping[str, Any] | None = None,
    ) -> None:
        if schema_name is not None and not isinstance(schema_name, str):
            raise InvalidRequest(
                "A schema has a name: schema = levada.Schema('lab'); the line above a class is then @schema, with this "
                f"variable. Here it is called with {shown(schema_name)}."
            )
        self.database = ""
        self.context = context
        self.create_schema = create_schema
        self.create_tables: bool = config["database.create_tables"] if create_tables is None else create_tables
        self._connection = connection
        self._added: dict[str, Any] = dict(add_objects or {})
        register_adapters(self._added)
        self._classes: dict[str, type[Table]] = {}
        self._waiting: list[tuple[type[Table], Sequence[Mapping[str, Any]]]] = []
        if schema_name:
            self.activate(schema_name)

    @property
    def connection(self) -> Connection:
        """Its connection."""
        if self._connection is None:
            self._connection = conn()
        return self._connection

    @property
    def make_contract(self) -> str:
        """The reaction to a `make` that reads tables which its own table does not depend on, or writes other tables.

        `"off"`: none. `"warn"`, the default: a warning once for each table, and rows written elsewhere are committed
        together with its own. `"on"`: an error. Setting it changes it for everybody.
        """
        return schema_pb2.MakeContract.Name(self._described().make_contract).removeprefix(_CONTRACT).lower()

    @make_contract.setter
    def make_contract(self, contract: str) -> None:
        if contract not in ("off", "warn", "on"):
            raise InvalidRequest(f"make_contract must be 'off', 'warn' or 'on', not {contract!r}.")
        request = pb.UpdateSchemaRequest(name=self._active_name(), make_contract=_CONTRACT + contract.upper())
        self.connection.call("SchemaService/UpdateSchema", request, pb.UpdateSchemaResponse)

    @property
    def confidential(self) -> bool:
        """Whether the server's audit also has who read its tables. Setting it changes it for everybody."""
        return self._described().confidential

    @confidential.setter
    def confidential(self, confidential: bool) -> None:
        request = pb.UpdateSchemaRequest(name=self._active_name(), confidential=confidential)
        self.connection.call("SchemaService/UpdateSchema", request, pb.UpdateSchemaResponse)

    def _described(self) -> schema_pb2.Schema:
        name = self._active_name()
        for schema in _all_schemas(self.connection):
            if schema.name == name:
                return schema
        raise NotFound(f"There is no schema `{name}`.", {"schema": name})

    @property
    def jobs(self) -> SchemaJobs:
        """The jobs of all its computing tables: `schema.jobs & {"state": "error"}`, `for jobs in schema.jobs: …`."""
        found = []
        for table in self._tables():
            known = self._classes.get(table.name.table)
            if table.tier not in AUTO_POPULATED or not has_jobs(self.connection, table.name):
                continue
            # The class has a key source that only Python can evaluate.
            found.append(
                known.jobs if known is not None else job_table(self.connection, table.name.schema, table.name.table)
            )
        return SchemaJobs([jobs.named() for jobs in found])

    @property
    def code(self) -> str:
        """Classes that declare the same tables: `save()`."""
        return self.save()

    @property
    def size_on_disk(self) -> int:
        """How many bytes the rows and indexes of its tables take in the database, without content in stores."""
        return sum(table.size_on_disk for table in self)

    @property
    def lineage(self) -> dict[str, str]:
        """For each attribute that originates in a primary key, as `schema.table.attribute`: where it originates."""
        return {
            f"{self.database}.{table.stored_name}.{attribute.name}": attribute.origin
            for table in self._tables()
            for attribute in table.heading.attributes
            if attribute.origin
        }

    @property
    def transaction(self) -> TransactionBlock[Connection]:
        """The `transaction` of its connection: `with schema.transaction():`."""
        return self.connection.transaction

    @property
    def exists(self) -> bool:
        """Whether the schema exists."""
        try:
            _find_schema(self.connection, self._active_name())
        except NotFound:
            return False
        return True

    def is_activated(self) -> bool:
        """Return whether it has a name."""
        return bool(self.database)

    def activate(
        self,
        schema_name: str | None = None,
        *,
        connection: Connection | None = None,
        create_schema: bool | None = None,
        create_tables: bool | None = None,
        add_objects: Mapping[str, Any] | None = None,
    ) -> None:
        """Set the schema's name, and declare the classes that were decorated before.

        Arguments as for the class; None leaves the present value.

        Raises:
            InvalidRequest: It has another name already.
            NotFound: It does not exist, and `create_schema` is False.
        """
        schema_name = schema_name and schema_name_of(schema_name)
        if schema_name is None or schema_name == self.database:
            self._active_name()
            return
        if self.database:
            raise InvalidRequest(f"The schema is already activated as `{self.database}`.")
        self._connection = connection or self._connection
        self.create_schema = self.create_schema if create_schema is None else create_schema
        self.create_tables = self.create_tables if create_tables is None else create_tables
        self._added.update(add_objects or {})
        register_adapters(self._added)
        if self.create_schema:
            request = pb.CreateSchemaRequest(name=sendable(schema_name), allow_existing=True, request_id=uuid4().hex)
            self.connection.call("SchemaService/CreateSchema", request, pb.CreateSchemaResponse)
        else:
            _find_schema(self.connection, schema_name)
        self.database = schema_name
        self.connection.schemas[schema_name] = self
        record_activation(sys._getframe(1), self.connection.address)
        waiting, self._waiting = self._waiting, []
        for table, namespaces in waiting:
            self._declare(table, namespaces)

    def __call__(self, table: _T, *, context: Mapping[str, Any] | None = None) -> _T:
        """Declare a class as a table of this schema, with the parts inside it; the decorator `@schema`."""
        if not issubclass(table, Table):
            raise InvalidRequest(f"@schema decorates the classes of tables, not {table!r}.")
        if issubclass(table, Part):
            raise InvalidRequest(f"`{table.__name__}` is a part: put its class into its master's, and decorate that.")
        frame = sys._getframe(1)
        given = context if context is not None else self.context
        namespaces = [given or {}, frame.f_locals, frame.f_globals]
        if self.database:
            self._declare(table, namespaces)
        else:
            self._waiting.append((table, namespaces))
        return table

    def list_tables(self) -> list[str]:
        """Return the stored names of the tables, parents first."""
        return [table.stored_name for table in self._tables()]

    def get_table(self, name: str) -> FreeTable:
        """Return a table by its class name or stored name.

        Raises:
            UnknownTable: There is no such table.
        """
        for table in self._tables():
            if name in (table.name.table, table.stored_name):
                return free_table(self.connection, table.name)
        known = meant(name, [table.name.table for table in self._tables()], "it has")
        raise UnknownTable(
            f"The schema `{self.database}` has no table `{name}`; {known}.", {"table": f"{self.database}.{name}"}
        )

    def __getitem__(self, name: str) -> FreeTable:
        return self.get_table(name)

    def __contains__(self, name: object) -> bool:
        return any(name in (table.name.table, table.stored_name) for table in self._tables())

    def __iter__(self) -> Iterator[FreeTable]:
        for table in self._tables():
            yield free_table(self.connection, table.name)

    def make_classes(self, into: MutableMapping[str, Any] | None = None) -> None:
        """Create classes for the tables that have none there.

        Args:
            into: The namespace to put them into; by default the caller's.
        """
        self._make_classes(sys._getframe(1).f_locals if into is None else into)

    def spawn_missing_classes(self, context: MutableMapping[str, Any] | None = None) -> None:
        """Do the same as `make_classes`, under the name that older code uses."""
        self._make_classes(sys._getframe(1).f_locals if context is None else context)

    def save(self, path: str | os.PathLike[str] | None = None, *, language: str = "python") -> str:
        """Write classes that declare the same tables.

        They contain only the definitions; add `make`, contents and key sources by hand.

        Args:
            path: For Python the file to write; for MATLAB the folder to put the package, `+lab`, into, where existing
                class files are left alone. None: only return the text.
            language: `"python"` or `"matlab"`.

        Returns:
            The text; for MATLAB the text of all files, each after a line with its name.
        """
        if language == "matlab":
            files = files_of(self._active_name(), self._tables())
            if path is not None:
                for name, text in files.items():
                    file = Path(path, name)
                    file.parent.mkdir(parents=True, exist_ok=True)
                    if not file.exists():
                        file.write_text(text, encoding="utf-8")
            return Lines("\n".join(f"%% {name}\n{text}" for name, text in files.items()))
        if language != "python":
            raise InvalidRequest(f"A schema can be saved as 'python' or 'matlab', not {language!r}.")
        source = source_of(self._active_name(), self._tables())
        if path is not None:
            Path(path).write_text(source, encoding="utf-8")
        return Lines(source)

    def rename(self, new_name: str) -> None:
        """Rename the schema; references to its tables follow.

        Raises:
            AlreadyExists: The name is taken.
        """
        new_name = schema_name_of(new_name)
        request = pb.RenameSchemaRequest(name=self._active_name(), new_name=new_name, request_id=uuid4().hex)
        self.connection.call("SchemaService/RenameSchema", request, pb.RenameSchemaResponse)
        self.connection.schemas.pop(self.database, None)
        self.connection.schemas[new_name] = self
        self.database = new_name

    def drop(self, force: bool = False, *, prompt: bool | None = None) -> None:
        """Drop the schema with its tables and rows, after asking.

        Args:
            force: Do not ask.
            prompt: Whether to ask first; by default according to the setting `safemode`.
        """
        name = self._active_name()
        if not self.exists:
            warn(f"There is no schema `{name}`; nothing was dropped.")
            return
        tables = [f"  {class_path(table.name)}" for table in self._tables()]
        if confirm(
            [f"About to drop the schema `{name}` with:", *tables],
            f"Drop the schema `{name}`?",
            False if force else prompt,
        ):
            request = pb.DropSchemaRequest(name=name, request_id=uuid4().hex)
            self.connection.call("SchemaService/DropSchema", request, pb.DropSchemaResponse)

    def _repr_pretty_(self, printer: Printer, cycle: bool) -> None:
        """Show the tables where IPython shows a schema by itself, and elsewhere its name."""
        printer.text(self._shown(html=False).rstrip() if is_shown_alone(printer) else repr(self))

    def _repr_html_(self) -> str:
        return self._shown(html=True)

    def _shown(self, *, html: bool) -> str:
        if not self.database:
            return html_line(repr(self)) if html else repr(self)
        try:
            table = overview(self.connection, self.database, self._tables())
        except LevadaError as error:
            return html_line(str(error)) if html else f"<{self!r}: {error}>"
        return table.html() if html else table.text()

    def __repr__(self) -> str:
        return f"Schema `{self.database}`" if self.database else "Schema, not activated"

    def _declare(self, table: type[Table], namespaces: Sequence[Mapping[str, Any]]) -> None:
        declare(self, table, [self._added, *namespaces, self._classes])
        self._classes[table.__name__] = table

    def _declare_again(self, table: Table, namespaces: Sequence[Mapping[str, Any]]) -> None:
        first, *others = namespaces
        declare_bound(self, type(table), [first, self._added, *others, *own_namespaces(type(table)), self._classes])

    def _alter(
        self,
        table: Table,
        namespaces: Sequence[Mapping[str, Any]],
        renames: Mapping[str, str],
        new_name: str,
        prompt: bool | None,
    ) -> bool:
        first, *others = namespaces
        return alter(table, [first, self._added, *others], renames, new_name, prompt)

    def _active_name(self) -> str:
        if not self.database:
            raise InvalidRequest("The schema has no name yet; call schema.activate('name').")
        return self.database

    def _tables(self) -> list[schema_pb2.Table]:
        request = pb.ListTablesRequest(schema=self._active_name())
        listed = pages(self.connection, "SchemaService/ListTables", request, pb.ListTablesResponse)
        return [table for page in listed for table in page.tables]

    def _make_classes(self, into: MutableMapping[str, Any]) -> None:
        for table in self._tables():
            first, *rest = table.name.table.split(".")
            if not rest:
                if first not in into:
                    into[first] = self._make_class(table, first)
                continue
            master = into.get(first)
            for name in rest[:-1]:
                master = getattr(master, name, None)
            if master is not None and not hasattr(master, rest[-1]):
                part = self._make_class(table, rest[-1])
                part.master = master
                setattr(master, rest[-1], part)

    def _make_class(self, table: schema_pb2.Table, name: str) -> Any:  # noqa: ANN401  # a class known only at run time
        bases = {tier: base for base, tier in TIERS.items()}
        members = {"definition": table.definition, "__doc__": table.comment}
        made: Any = TableMeta(name, (bases[table.tier],), members)  # Any: as above
        bind(self, made, table.name.table)
        return made


class VirtualModule(ModuleType):
    """A module whose classes are the tables of an existing schema.

    Args:
        module_name: The module's own name.
        schema_name: The schema's name.
        add_objects: More objects for the module.
    """

    schema: Schema

    def __init__(
        self,
        module_name: str,
        schema_name: str,
        *,
        create_schema: bool = False,
        create_tables: bool = False,
        connection: Connection | None = None,
        add_objects: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(module_name)
        self.schema = Schema(
            schema_name,
            connection=connection,
            create_schema=create_schema,
            create_tables=create_tables,
            add_objects=add_objects,
        )
        self.__dict__.update(add_objects or {})
        self.schema.make_classes(self.__dict__)

    def _repr_pretty_(self, printer: Printer, cycle: bool) -> None:
        self.schema._repr_pretty_(printer, cycle)

    def _repr_html_(self) -> str:
        return self.schema._repr_html_()

    def __getattr__(self, name: str) -> type[Table]:
        schema = self.__dict__["schema"].database
        known = [one for one, value in self.__dict__.items() if isinstance(value, TableMeta)]
        raise AttributeError(f"The schema `{schema}` has no table `{name}`; {meant(name, known, 'it has')}.")


create_virtual_module = VirtualModule


def virtual_schema(
    schema_name: str,
    *,
    connection: Connection | None = None,
    create_schema: bool = False,
    create_tables: bool = False,
    add_objects: Mapping[str, Any] | None = None,
) -> VirtualModule:
    """Return the tables of an existing schema as a module of classes."""
    return VirtualModule(
        schema_name,
        schema_name,
        connection=connection,
        create_schema=create_schema,
        create_tables=create_tables,
        add_objects=add_objects,
    )


def list_schemas(connection: Connection | None = None) -> list[str]:
    """Return the names of the visible schemas, in order."""
    return [schema.name for schema in _all_schemas(connection or conn())]


def _all_schemas(connection: Connection) -> Iterator[schema_pb2.Schema]:
    for page in pages(connection, "SchemaService/ListSchemas", pb.ListSchemasRequest(), pb.ListSchemasResponse):
        yield from page.schemas


def _find_schema(connection: Connection, name: str) -> None:
    """Check that a schema exists, creating it if requested.

    Raises:
        NotFound: It does not exist.
    """
    request = pb.ListTablesRequest(schema=sendable(name), page_size=1)
    try:
        connection.call("SchemaService/ListTables", request, pb.ListTablesResponse)
    except NotFound as error:
        raise type(error)(
            f"There is no schema `{name}`. Pass create_schema=True to create it.", error.details
        ) from None

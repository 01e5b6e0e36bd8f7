"""Relations: lazy expressions over tables. Operators build the tree; a fetch first contacts the server."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from levada._base.absent_names import Explained
from levada._base.config import config
from levada._base.display import html_line
from levada._base.errors import InvalidRequest, NotFound, warn
from levada._base.text import Lines, sendable, shown
from levada._objects.fetched_handles import Opener
from levada._query import fetching, nodes
from levada._query import preview as _preview
from levada._query.class_level import CLASS_LEVEL, on_class, property_on_class
from levada._query.flattening import relation_message
from levada._query.restriction import (
    AndList,
    Not,
    Operand,
    Top,
    as_operand,
    condition_node,
    connections_in,
    order_terms,
    top_node,
)
from levada._query.terms import Columns, Term
from levada._values.heading import Heading, heading_from_message
from levada_api.v1 import query_service_pb2 as query_pb
from levada_api.v1 import relation_pb2 as pb

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping, Sequence
    from types import EllipsisType

    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from levada._net.connection import Connection

_Self = TypeVar("_Self", bound="Relation")

Restricted: TypeAlias = Any  # a relation of the operand's own class
Fetched: TypeAlias = Any  # one or several arrays, values or dictionaries, depending on the arguments
Argument: TypeAlias = Any  # an argument of `to_dicts`

_ALL = 2**63 - 1
"""More rows than there can be: a limit orders by the key."""
HEAD_ROWS = 25
"""The number of rows of `head` and `tail`."""


class Relation(Explained, Operand):
    """An expression over tables. It never changes; each operator returns a new one.

    `A & condition` restricts, `A - condition` antirestricts, `A * B` joins, `A + B` unites. The server checks an
    expression when it is first used, and its errors name the part at fault.
    """

    _conditions: tuple[object, ...] = ()

    def __init__(self, connection: Connection | None, node: nodes.Node) -> None:
        self._connection = connection
        self._node = node
        self._heading: Heading | None = None

    # ------------------------------------------------------------------------------------------ operators

    def __and__(self: _Self, condition: object) -> _Self:
        return self._restricted(condition, negated=False, unchecked=False)

    def __sub__(self: _Self, condition: object) -> _Self:
        return self._restricted(condition, negated=True, unchecked=False)

    def __xor__(self: _Self, condition: object) -> _Self:
        return self._restricted(condition, negated=False, unchecked=True)

    def __neg__(self) -> Not:
        return Not(self)

    def __mul__(self, other: object) -> Relation:
        return self.join(other)

    def __matmul__(self, other: object) -> Relation:
        return self.join(other, semantic_check=False)

    def __add__(self, other: object) -> Relation:
        right = self._other(other, "+")
        return Relation(self._connection_with(right), nodes.union(self._node, right._node))

    @on_class
    def restrict(self, restriction: object, semantic_check: bool = True) -> Restricted:
        """Return the entities that meet a condition: `A & restriction`.

        Args:
            semantic_check: False: queries match on names alone, as in `A ^ restriction`.
        """
        return self._restricted(restriction, negated=False, unchecked=not semantic_check)

    @property_on_class
    def restriction(self) -> AndList:
        """The conditions by which this relation was restricted; any relation with the same attributes takes them."""
        return AndList(self._conditions)

    @on_class
    def proj(self, /, *attributes: str | EllipsisType, **named_attributes: str | Term) -> Relation:
        """Keep, drop, rename and compute attributes; the primary key always stays.

        Args:
            attributes: Names to keep; `...` for all that are not named; with it, `"-name"` drops one.
            named_attributes: `new="old"` renames, `new="(old)"` duplicates, `new="expression"` or
                `new=A.c.old / 2` computes.
        """
        items = _project_items(attributes, named_attributes)
        return Relation(self._connection, nodes.project(self._node, items))

    @on_class
    def aggr(
        self,
        group: object,
        /,
        *attributes: str | EllipsisType,
        keep_all_rows: bool | str | Term | None = None,
        exclude_nonmatching: bool | str | Term = False,
        **named_attributes: str | Term,
    ) -> Relation:
        """Compute over the entities of `group` that match each entity of this relation.

        Entities without a match are kept, unless the setting `aggr.keep_all_rows` is False; `count(*)` is 0 for them.

        Args:
            attributes: Secondary attributes of this relation to keep.
            keep_all_rows: The older name for the opposite of `exclude_nonmatching`.
            exclude_nonmatching: Leave out the entities without a match. Given an expression, both are attributes too.
            named_attributes: `n="count(*)"`, `mean="avg(x)"`, ….
        """
        other = self._other(group, "aggr")
        if isinstance(keep_all_rows, (str, Term)):
            named_attributes["keep_all_rows"], keep_all_rows = keep_all_rows, None
        if isinstance(exclude_nonmatching, (str, Term)):
            named_attributes["exclude_nonmatching"], exclude_nonmatching = exclude_nonmatching, False
        items = _project_items(attributes, named_attributes)
        kept = config["aggr.keep_all_rows"] if keep_all_rows is None else keep_all_rows
        matching_only = bool(exclude_nonmatching) or not kept
        node = nodes.aggregate(self._node, other._node, items, matching_only=matching_only)
        return Relation(self._connection_with(other), node)

    aggregate = aggr
    CLASS_LEVEL.add("aggregate")

    @on_class
    def join(self, other: object, semantic_check: bool = True, left: bool = False) -> Relation:
        """Pair entities that agree on the attributes they share: `A * B`.

        Args:
            semantic_check: False: match on names alone, as in `A @ B`.
            left: Keep entities of this relation without a match; it must determine `other`.
        """
        right = self._other(other, "*")
        node = nodes.join(self._node, right._node, left_join=left, unchecked=not semantic_check, extend=False)
        return Relation(self._connection_with(right), node)

    @on_class
    def extend(self, other: object, semantic_check: bool = True) -> Relation:
        """Add the attributes of another relation, which this one must determine; no entity is lost or duplicated."""
        right = self._other(other, "extend")
        node = nodes.join(self._node, right._node, left_join=True, unchecked=not semantic_check, extend=True)
        return Relation(self._connection_with(right), node)

    # -------------------------------------------------------------------------------------------- heading

    @property_on_class
    def heading(self) -> Heading:
        """The ordered attributes; requested from the server once."""
        if self._heading is None:
            request = query_pb.DescribeRelationRequest(relation=self._message())
            response = self._server().call("QueryService/DescribeRelation", request, query_pb.DescribeRelationResponse)
            self._heading = heading_from_message(response.heading)
        return self._heading

    @property_on_class
    def primary_key(self) -> list[str]:
        """Names of the attributes of the primary key."""
        return self.heading.primary_key

    @property_on_class
    def c(self) -> Columns:
        """The attributes, to write expressions in Python: `A & (A.c.weight > 3)`."""
        return Columns(lambda: self.heading.names)

    @property_on_class
    def connection(self) -> Connection:
        """The connection to the server of this relation."""
        return self._server()

    # ------------------------------------------------------------------------------------- size and rows

    def __len__(self) -> int:
        request = query_pb.CountRelationRequest(relation=self._message())
        return self._server().call("QueryService/CountRelation", request, query_pb.CountRelationResponse).entity_count

    def __bool__(self) -> bool:
        request = query_pb.CheckExistenceRequest(relation=self._message())
        return self._server().call("QueryService/CheckExistence", request, query_pb.CheckExistenceResponse).found

    def __eq__(self, other: object) -> bool:
        """Return whether both are the same expression on the same connection; no rows are read."""
        other = as_operand(other)
        if not isinstance(other, Relation):
            return NotImplemented
        return self._connection is other._connection and nodes.structure(self._node) == nodes.structure(other._node)

    def __hash__(self) -> int:
        return hash(nodes.structure(self._node))

    def __contains__(self, item: object) -> bool:
        return bool(self & item)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for batch in self._result().batches():
            yield from fetching.to_dicts(batch, opener=self._opener())

    @on_class
    def to_arrow(
        self,
        *attributes: str,
        order_by: str | Sequence[str] | None = None,
        limit: int | None = None,
        offset: int | None = None,
    ) -> pa.Table:
        """Fetch as an Arrow table with the exact type of every attribute.

        Without `order_by` the order is any: the quickest way to many rows.

        Blobs are fetched as their stored bytes; each field's metadata has `levada.type`.

        Args:
            attributes: Names of attributes; by default all.
            order_by: `"name"`, `"name DESC"`, `"KEY"`, or several of these.
            limit: At most this many entities.
            offset: Skip this many entities first.
        """
        return _selected(self._table(attributes, order_by, limit, offset), attributes)

    @on_class
    def to_dicts(
        self,
        *attributes: str,
        order_by: str | Sequence[str] | None = None,
        limit: int | None = None,
        offset: int | None = None,
        squeeze: bool = False,
    ) -> list[dict[str, Any]]:
        """Fetch as a list of dictionaries in the order of the heading. Arguments as for `to_arrow`.

        Args:
            squeeze: Remove dimensions of length 1 from arrays.
        """
        table = _selected(self._table(attributes, order_by, limit, offset), attributes)
        return fetching.Entities(fetching.to_dicts(table, squeeze=squeeze, opener=self._opener()))

    @on_class
    def to_pandas(
        self,
        *attributes: str,
        order_by: str | Sequence[str] | None = None,
        limit: int | None = None,
        offset: int | None = None,
        squeeze: bool = False,
    ) -> pd.DataFrame:
        """Fetch as a DataFrame whose index is the primary key. Arguments as for `to_dicts`.

        The type of a column depends on its attribute alone: int64, or Int64 if it is nullable; float32 and float64 with
        NaN for NULL; datetime64[us] for dates and moments; categories for enums. The order is that of the key, unless
        the relation or `order_by` has another.
        """
        table = self._by_key()._table(attributes, order_by, limit, offset)
        # The key is the index, so it is always included.
        wanted = (*fetching.primary_key_of(table.schema), *attributes) if attributes else ()
        return fetching.to_pandas(_selected(table, wanted), squeeze=squeeze, opener=self._opener())

    @on_class
    def to_polars(
        self,
        *attributes: str,
        order_by: str | Sequence[str] | None = None,
        limit: int | None = None,
        offset: int | None = None,
    ) -> pl.DataFrame:
        """Fetch as a polars DataFrame, in the order of `to_pandas`. Arguments as for `to_arrow`."""
        table = _selected(self._by_key()._table(attributes, order_by, limit, offset), attributes)
        return fetching.to_polars(table, opener=self._opener())

    @on_class
    def to_parquet(
        self,
        path: str | os.PathLike[str],
        *attributes: str,
        order_by: str | Sequence[str] | None = None,
        limit: int | None = None,
        offset: int | None = None,
    ) -> int:
        """Write a Parquet file, as the rows arrive: no more than a part of them is in memory. Return how many they are.

        Arguments as for `to_arrow`. Blobs are written as their stored bytes. Content of stores is copied into files in
        the folder `objects` beside, and the column has their paths. Each field's metadata has `levada.type` and
        `levada.comment`.

        Args:
            path: The file. It is there whole at the end, or not at all.

        Raises:
            DamagedObject: Content of a store is not what was stored.
        """
        from levada._query.parquet import write_parquet

        relation = self._selection(attributes, order_by, limit, offset)
        return write_parquet(relation._server(), relation._result(), relation.heading, Path(path).absolute())

    @on_class
    def to_arrays(
        self,
        *attributes: str,
        include_key: bool = False,
        order_by: str | Sequence[str] | None = None,
        limit: int | None = None,
        offset: int | None = None,
        squeeze: bool = False,
    ) -> Fetched:
        """Fetch as NumPy arrays of shape (n_rows,), or (n_rows, …) for fixed-shape arrays.

        Args:
            attributes: Names of attributes. One: its array. Several: a tuple of arrays. None: a structured array of
                all.
            include_key: Put the list of keys before the arrays.
            order_by: As for `to_arrow`.
            limit: As for `to_arrow`.
            offset: As for `to_arrow`.
            squeeze: Remove dimensions of length 1 from arrays in blobs.
        """
        names = ("KEY", *attributes) if include_key and attributes else attributes
        if not names:
            table = self._table((), order_by, limit, offset)
            return fetching.to_records(table, squeeze=squeeze, opener=self._opener())
        columns = self._columns(names, order_by, limit, offset, squeeze=squeeze)
        return columns[0] if len(columns) == 1 else tuple(columns)

    @on_class
    def keys(
        self,
        *,
        order_by: str | Sequence[str] | None = None,
        limit: int | None = None,
        offset: int | None = None,
    ) -> list[dict[str, Any]]:
        """Fetch the primary keys as a list of dictionaries. Arguments as for `to_arrow`."""
        keys: list[dict[str, Any]] = self._columns(("KEY",), order_by, limit, offset)[0]
        return keys

    @on_class
    def head(self, /, limit: int = HEAD_ROWS, **fetch_arguments: Argument) -> Any:  # noqa: ANN401  # as asked for
        """Fetch the first entities by key as a list of dictionaries, or, with its arguments, in the form of `fetch`."""
        return self._some_rows({"order_by": "KEY", **fetch_arguments, "limit": limit})

    @on_class
    def tail(self, /, limit: int = HEAD_ROWS, **fetch_arguments: Argument) -> Any:  # noqa: ANN401  # as asked for
        """Fetch the last entities by key, in the order of the key, in the same forms as `head`."""
        rows = self._some_rows({"order_by": "KEY DESC", **fetch_arguments, "limit": limit})[::-1]
        return fetching.Entities(rows) if isinstance(rows, list) else rows

    def _some_rows(self, arguments: Mapping[str, Argument]) -> Any:  # noqa: ANN401  # as asked for
        return self.fetch(**arguments) if arguments.keys() & {"as_dict", "format"} else self.to_dicts(**arguments)

    @on_class
    def fetch1(self, *attributes: str, squeeze: bool = False, download_path: str | None = None) -> Fetched:
        """Fetch exactly one entity.

        Args:
            attributes: None: a dictionary of all. One: its value. Several: a tuple of values. `"KEY"` is the key as a
                dictionary.
            squeeze: Remove dimensions of length 1 from arrays.
            download_path: The folder for files of attachments, which are returned as paths; by default the setting
                `download_path`.

        Raises:
            NotFound: There is no entity.
            InvalidRequest: There are several.
        """
        table = self._selection(attributes, None, 2, None)._result().few()
        if table.num_rows != 1:
            kind = InvalidRequest if table.num_rows else NotFound
            found = "several" if table.num_rows else "none"
            raise kind(f"fetch1 needs exactly one entity and there are {found}. Restrict the query by a whole key.")
        row = fetching.to_dicts(table, squeeze=squeeze, opener=self._opener(download_path or config["download_path"]))[
            0
        ]
        if not attributes:
            return row
        key = {name: row[name] for name in fetching.primary_key_of(table.schema)}
        values = [key if name == "KEY" else row[name] for name in attributes]
        return values[0] if len(values) == 1 else tuple(values)

    @on_class
    def fetch(
        self,
        *attributes: str,
        offset: int | None = None,
        limit: int | None = None,
        order_by: str | Sequence[str] | None = None,
        format: str | None = None,
        as_dict: bool | None = None,
        squeeze: bool = False,
        download_path: str | None = None,
    ) -> Fetched:
        """Fetch in the older way; `to_dicts`, `to_arrays`, `to_pandas` and `keys` name their form.

        Args:
            attributes: None: all. One: its array. Several: a list of arrays. `"KEY"` returns a list of keys.
            offset: As for `to_arrow`.
            limit: As for `to_arrow`.
            order_by: As for `to_arrow`.
            format: Without attributes: `"array"` (a structured array, the default) or `"frame"` (a DataFrame).
            as_dict: Return a list of dictionaries.
            squeeze: Remove dimensions of length 1 from arrays.
            download_path: The folder for files of attachments, by default the setting `download_path`; they are
                returned as paths, like files of `<filepath@…>`.
        """
        opener = self._opener(download_path or config["download_path"], filepaths=True)
        if attributes and not as_dict:
            columns = self._columns(attributes, order_by, limit, offset, squeeze=squeeze, opener=opener)
            return columns[0] if len(columns) == 1 else columns
        form = format or config["fetch_format"]
        if form not in ("array", "frame"):
            raise InvalidRequest(f"fetch supports the formats 'array' and 'frame', not {form!r}.")
        table = _selected(self._table(attributes, order_by, limit, offset), attributes)
        if as_dict:
            return fetching.Entities(fetching.to_dicts(table, squeeze=squeeze, opener=opener))
        if form == "frame":
            return fetching.to_frame(table, squeeze=squeeze, opener=opener)
        return fetching.to_records(table, squeeze=squeeze, opener=opener)

    # -------------------------------------------------------------------------------------------- display

    @on_class
    def cursor(self, as_dict: bool = False) -> fetching.Cursor:
        """Fetch the entities one after another, as a cursor of a database returns rows.

        Args:
            as_dict: As dictionaries rather than as tuples in the order of the heading.
        """
        return fetching.Cursor(iter(self), as_dict)

    def __repr__(self) -> str:
        if sys.is_finalizing() or self._connection is None:
            return f"<{type(self).__name__}>"
        return _preview.text(self)

    @on_class
    def _repr_html_(self) -> str:
        return _preview.html(self)

    @on_class
    def _repr_mimebundle_(self, /, **_: object) -> dict[str, str]:
        return _preview.both(self)

    def _title(self) -> tuple[str, str]:
        """The full name and the comment, if this is a table; else empty."""
        return "", ""

    def _previewed(self) -> Sequence[str]:
        """The names of the attributes that a preview shows."""
        return self.heading.names

    @on_class
    def preview(self, limit: int | None = None, width: int | None = None) -> str:
        """Show the first entities as text.

        Args:
            limit: At most this many; by default the setting `display.limit`.
            width: Width of a column in characters; by default the setting `display.width`.
        """
        return Lines(_preview.text(self, limit, width))

    # --------------------------------------------------------------------------------------------- inside

    def _message(self) -> pb.Relation:
        """The expression as a protocol message."""
        return relation_message(self._node)

    def _server(self) -> Connection:
        if self._connection is None:
            raise InvalidRequest("U alone has no entities; restrict or aggregate a table by it: `U('name') & Table`.")
        return self._connection

    def _with_node(self: _Self, node: nodes.Node, connection: Connection | None) -> _Self:
        """Build a relation of the same class, with everything its user attached to it."""
        result = object.__new__(type(self))  # as `copy.copy`, which takes several times as long
        result.__dict__.update(self.__dict__)
        result._node, result._connection = node, connection
        return result

    def _restricted(self: _Self, condition: object, *, negated: bool, unchecked: bool) -> _Self:
        if type(condition) is dict:  # by far the most frequent
            node = nodes.restrict(self._node, condition_node(condition), negated=negated)
            return self._with_condition(Not(condition) if negated else condition, node, self._connection)
        condition = as_operand(condition)
        if isinstance(condition, AndList) and any(isinstance(c, Top) for c in condition) and not negated:
            # `A & AndList([c, top])` is `(A & c) & top`; the order matters.
            result = self
            for part in condition:
                result = result._restricted(part, negated=False, unchecked=unchecked)
            return result
        if isinstance(condition, Top) and not negated:
            return self._with_condition(condition, top_node(self._node, condition), self._connection)
        if not isinstance(condition, (Operand, str)) and hasattr(condition, "__next__"):
            condition = list(condition)  # type: ignore[call-overload]  # an iterator, read once
        connection = self._connection
        for other in connections_in(condition):
            connection = _same_connection(connection, other)
        node = nodes.restrict(self._node, condition_node(condition, unchecked=unchecked), negated=negated)
        return self._with_condition(Not(condition) if negated else condition, node, connection)

    def _with_condition(self: _Self, condition: object, node: nodes.Node, connection: Connection | None) -> _Self:
        result = self._with_node(node, connection)
        result._conditions = (*self._conditions, condition)
        return result

    def _other(self, other: object, operator: str) -> Relation:
        relation = as_operand(other)
        if not isinstance(relation, Relation):
            raise InvalidRequest(f"`{operator}` needs a table or query on its right, not {other!r}.")
        return relation

    def _connection_with(self, other: Relation) -> Connection | None:
        if other._connection is None:
            return self._connection
        return _same_connection(self._connection, other._connection)

    def _opener(self, folder: str | None = None, *, filepaths: bool = False) -> Opener:
        return Opener(self._connection, folder, filepaths)

    def _result(self) -> fetching.Result:
        return fetching.Result(self._server(), self._node)

    def _by_key(self) -> Relation:
        """The same in the order of the key, unless it has another: that of a `Top`."""
        return Relation(self._connection, nodes.top(self._node, _ALL, (), 0))

    def _table(
        self, names: Sequence[str], order_by: str | Sequence[str] | None, limit: int | None, offset: int | None
    ) -> pa.Table:
        """Fetch what `_selection` returns."""
        selection = self._selection(names, order_by, limit, offset)
        return fetching.fetch_table(selection._server(), selection._node)

    def _selection(
        self, names: Sequence[str], order_by: str | Sequence[str] | None, limit: int | None, offset: int | None
    ) -> Relation:
        """Return the attributes, all if `names` is empty, plus the key and the attributes of the order."""
        relation: Relation = self
        if names:
            ordering = [term.split()[0].strip("`") for term in order_terms(order_by)]
            wanted = [name for name in (*names, *ordering) if name != "KEY"]
            relation = relation.proj(*dict.fromkeys(wanted))
        if order_by is not None or limit is not None or offset:
            if offset and limit is None:
                warn("An offset without a limit skips entities and fetches all the rest.")
            relation = Relation(relation._connection, top_node(relation._node, Top(limit, order_by, offset)))
        return relation

    def _columns(
        self,
        names: Sequence[str],
        order_by: str | Sequence[str] | None,
        limit: int | None,
        offset: int | None,
        *,
        squeeze: bool = False,
        opener: Opener | None = None,
    ) -> list[Any]:  # Any: arrays, and for "KEY" a list of dictionaries
        """Fetch some attributes, one array each."""
        opener = opener or self._opener()
        table = self._table(names, order_by, limit, offset)
        return [
            fetching.to_dicts(_selected(table, ["KEY"]))
            if name == "KEY"
            else fetching.to_array(table.column(name), table.schema.field(name), squeeze=squeeze, opener=opener)
            for name in names
        ]


class U(Relation):
    """All possible entities with some attributes; useful only together with a table or query.

    `U("a", "b") & A` yields the distinct pairs of A; `U("a") * A` is A with `a` in its key too; `U("a").aggr(A,
    n="count(*)")` groups by `a`; `U().aggr(A, n="count(*)")` has one entity.
    """

    def __init__(self, *attributes: str) -> None:
        super().__init__(None, nodes.universal_set(attributes))
        self._attributes = attributes

    @property
    def primary_key(self) -> list[str]:
        """The names that it was created with."""
        return list(self._attributes)

    def _restricted(self, condition: object, *, negated: bool, unchecked: bool) -> Relation:  # type: ignore[override]
        condition = as_operand(condition)
        if negated or not isinstance(condition, Operand):
            what = "antirestricted" if negated else f"restricted by a {type(condition).__name__}"
            raise InvalidRequest(
                f"{self!r} has entities without end and cannot be {what}: restrict it by a table or query, and the "
                f"result by more, as in {self!r} & Table & condition."
            )
        return super()._restricted(condition, negated=negated, unchecked=unchecked)

    def _with_node(self, node: nodes.Node, connection: Connection | None) -> Relation:  # type: ignore[override]
        return Relation(connection, node)  # restricted, it is no longer a U

    def __repr__(self) -> str:
        return f"U({', '.join(map(repr, self._attributes))})"

    def _repr_html_(self) -> str:
        return html_line(repr(self))


def _selected(table: pa.Table, names: Sequence[str]) -> pa.Table:
    """Keep the requested columns, or all if none was requested, in the order of the heading."""
    if not names:
        return table
    wanted = set(names)
    if "KEY" in wanted:
        wanted.update(fetching.primary_key_of(table.schema))
    return table.select([name for name in table.schema.names if name in wanted])


def _project_items(
    attributes: Sequence[str | EllipsisType], named_attributes: dict[str, str | Term]
) -> list[pb.ProjectItem]:
    items: list[pb.ProjectItem] = []
    for attribute in attributes:
        if attribute is Ellipsis:
            items.append(pb.ProjectItem(remaining=True))
        elif not isinstance(attribute, str):
            raise InvalidRequest(f"An attribute is given as text or `...`, not as {shown(attribute)}.")
        elif attribute.startswith("-"):
            items.append(pb.ProjectItem(excluded=sendable(attribute[1:].strip())))
        else:
            items.append(pb.ProjectItem(attribute=sendable(str(attribute))))
    for name, given in named_attributes.items():
        if not isinstance(given, (str, Term)):
            raise InvalidRequest(f"`{name}` is given by an attribute's name or an expression, not by {shown(given)}.")
        term = given if isinstance(given, Term) else Term(str(given))
        named = pb.NamedExpression(
            name=sendable(name), expression=pb.Expression(text=sendable(term.text), values=term.values)
        )
        items.append(pb.ProjectItem(named=named))
    return items


def _same_connection(first: Connection | None, second: Connection) -> Connection:
    if first is not None and first is not second:
        raise InvalidRequest(
            f"Two servers cannot answer one query: {first.address} and {second.address}. Fetch one side first."
        )
    return second

"""The modules of DataJoint, their names, and what its classes have."""

from __future__ import annotations

import io
import json
import sys
import warnings
from types import ModuleType
from typing import Any

import networkx as nx
import numpy as np
import pytest

import levada as lv
from levada._base.config import DEFAULTS
from levada._datajoint import connecting
from levada._datajoint.absent import ABSENT, absent, reason_for
from levada._datajoint.modules import MEMBERS, build
from tests.samples.datajoint_names import FILE

TESTS = (
    "levada._base.config",
    "levada._datajoint.absent",
    "levada._datajoint.connecting",
    "levada._datajoint.modules",
    "levada._net.dependencies",
)
NAMES = json.loads(FILE.read_text(encoding="utf-8"))
MEANT_OTHERWISE = {
    "add_hidden_timestamp",
    "database.backend",
    "database.host",
    "database.user",
    "display.diagram_direction",
    "jobs.add_job_metadata",
    "jobs.allow_new_pk_fields_in_computed_tables",
    "jobs.keep_completed",
    "loglevel",
    "provenance.capture",
}
"""Settings with another default here, which is what happens here."""


def module(name: str = "") -> Any:  # noqa: ANN401  # its names are what is tested
    return build()[f"datajoint.{name}" if name else "datajoint"]


IMPORTS = {
    "admin": "conn kill set_password user_choice",
    "autopopulate": "AndList AutoPopulate DataJointError QueryExpression",
    "blob": "Blob DataJointError MatCell MatStruct pack unpack",
    "builtin_codecs": "AttachCodec BlobCodec",
    "condition": "AndList DataJointError assert_join_compatibility extract_column_names make_condition",
    "connection": "Connection Dependencies EmulatedCursor conn",
    "declare": "compile_attribute declare match_type",
    "dependencies": "Dependencies extract_master topo_sort unite_master_parts",
    "expression": "Aggregation AndList DataJointError QueryExpression Top U Union",
    "external": "DataJointError ExternalTable subfold",
    "fetch": "DataJointError Fetch Fetch1 is_key key to_dicts",
    "hash": "key_hash uuid_from_buffer uuid_from_file uuid_from_stream",
    "jobs": "DuplicateError Job JobTable Table key_hash",
    "lineage": "get_lineage get_table_lineages",
    "preview": "preview repr_html",
    "s3": "Folder",
    "schema": "Schema create_virtual_module lookup_class_name",
    "settings": "Config GLOBALCONFIG LOCALCONFIG config default",
    "table": "FreeTable Table ValidationResult lookup_class_name",
    "user_tables": "ClassProperty Entry Manual TableMeta UserTable from_camel_case user_table_classes",
    "utils": "from_camel_case get_master is_camel_case safe_copy safe_write to_camel_case user_choice",
    "version": "__version__",
}


@pytest.mark.parametrize("name", IMPORTS)
def test_modules_have_the_names_that_pipelines_import(name: str) -> None:
    for member in IMPORTS[name].split():
        assert getattr(module(name), member) is not None, member
    with pytest.raises(AttributeError, match="no attribute '__path'"):
        getattr(module(name), "__path")


def test_every_name_that_a_module_shares_with_others_can_be_imported() -> None:
    missing = []
    for names in (found["names"] for found in NAMES.values()):
        for place, text in names.items():
            above, _, last = place.rpartition(".")
            shared = (text or "").startswith("= ") and (text or "")[2:].split(".")[0] not in ABSENT
            if shared and getattr(module(above.split(".")[0]), last, None) is None:
                missing.append(place)
    assert missing == []


def test_an_unknown_name_is_an_error() -> None:
    for name in ("", "table", "errors"):
        with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
            module(name).nonsense  # noqa: B018


def test_names_that_are_absent_can_be_imported_and_explain_themselves_when_used() -> None:
    folder = module("s3").Folder
    for use in (lambda: folder("host"), lambda: f"{folder}", lambda: str(folder), lambda: list(folder)):
        with pytest.raises(
            lv.errors.Unsupported, match=r"`datajoint.s3.Folder` is not here: the stores are the server's"
        ):
            use()
    with pytest.raises(lv.errors.Unsupported, match=r"builtin_codecs.SchemaCodec` is not here: types"):

        class _Own(module().SchemaCodec):  # type: ignore[misc]
            pass

    with pytest.raises(AttributeError, match=r"admin.kill` is not here: `levada jobs cancel`"):
        module().kill.now  # noqa: B018
    assert not isinstance(3, folder)
    assert absent("table.nonsense") is None
    assert all(text[-1] not in ".!" and reason_for(place) == text for place, text in ABSENT.items())


def test_the_other_names_are_reached_from_the_package_too() -> None:
    assert lv.key == "KEY"  # type: ignore[attr-defined]
    assert lv.AutoPopulate is module("autopopulate").AutoPopulate  # type: ignore[attr-defined]
    assert lv.table.lookup_class_name is module("table").lookup_class_name  # type: ignore[attr-defined]
    assert lv.__version__.split(".")[0] == "0"
    for name in ("nonsense", "_nonsense"):
        with pytest.raises(AttributeError, match=f"module 'levada' has no attribute '{name}'"):
            getattr(lv, name)


# ------------------------------------------------------------------------------------------------- functions


def test_names_of_parts_and_masters() -> None:
    utils, dependencies = module("utils"), module("dependencies")
    names = ("`s`.`a__q`", "`s`.`#a__q`", "`s`.`__a`", "`s`.`__a__q`", "`s`.`a_b__q_r`", "`s`.`a`")
    masters = ["`s`.`a`", "`s`.`#a`", None, "`s`.`__a`", "`s`.`a_b`", None]
    assert [dependencies.extract_master(name) for name in names] == masters
    assert [utils.get_master(name) for name in names] == [master or "" for master in masters]
    assert list(map(utils.is_camel_case, ("TableName", "table_name", "T1", "A_B"))) == [True, False, True, False]
    mixed = ["`s`.`a`", "`s`.`b`", "`s`.`a__q`", "`s`.`c`", "`s`.`b__p`", "`t`.`x__p`"]
    assert dependencies.unite_master_parts(mixed) == [mixed[i] for i in (0, 2, 1, 4, 3, 5)]


def test_tables_are_sorted_with_parts_behind_their_masters() -> None:
    a, b, c, d = (f"`s`.`{name}`" for name in "abcd")
    part = "`s`.`a__q`"
    graph = nx.DiGraph([(a, part), (b, part), (a, c), (part, "1"), ("1", d), (c, d)])
    order = module("dependencies").topo_sort(graph)
    assert sorted(order) == sorted([a, b, c, d, part])
    assert order.index(part) == order.index(a) + 1
    assert order.index(b) < order.index(part) < order.index(d)
    graph.add_edge(c, part)  # a part that depends on a child of its master cannot be right behind it
    order = module("dependencies").topo_sort(graph)
    assert order.index(a) < order.index(c) < order.index(part) < order.index(d)


def test_digests_and_files(tmp_path: Any) -> None:  # noqa: ANN401  # a path
    hashes, utils = module("hash"), module("utils")
    (tmp_path / "abc").write_bytes(b"abc")
    expected = "6ffeb24d-bea4-9bd0-d2a7-44a144298ac9"
    assert str(hashes.uuid_from_buffer(b"abc", init_string="x")) == expected
    assert str(hashes.uuid_from_stream(io.BytesIO(b"abc"), init_string="x")) == expected
    assert str(hashes.uuid_from_file(tmp_path / "abc", init_string="x")) == expected
    utils.safe_write(tmp_path / "new" / "file", b"1")
    utils.safe_write(tmp_path / "new" / "file", b"2")
    assert (tmp_path / "new" / "file").read_bytes() == b"1"
    utils.safe_copy(tmp_path / "abc", tmp_path / "new" / "file")
    utils.safe_copy(tmp_path / "abc", tmp_path / "abc", overwrite=True)
    assert (tmp_path / "new" / "file").read_bytes() == b"1"
    utils.safe_copy(tmp_path / "abc", tmp_path / "new" / "file", overwrite=True)
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["file"]
    assert (tmp_path / "new" / "file").read_bytes() == b"abc"


def test_blobs_are_packed_with_or_without_compression() -> None:
    value = np.zeros(5000)
    blob = module("blob")
    plain, compressed = blob.pack(value, compress=False), blob.pack(value)
    assert len(compressed) < 1000 < len(plain)
    for packed in (plain, compressed, blob.Blob().pack(value, compress=False)):
        assert np.array_equal(blob.Blob(squeeze=True).unpack(packed), value)
    struct = np.zeros(2, dtype=[("a", "i4")]).view(blob.MatStruct)
    assert np.array_equal(blob.unpack(blob.pack(struct))["a"], [0, 0])


def test_rows_of_arrays_are_dictionaries() -> None:
    fetch = module("fetch")
    array = np.array([(1, 2.5), (3, 4.5)], dtype=[("a", "i4"), ("b", "f8")])
    assert list(fetch.to_dicts(array)) == [{"a": 1, "b": 2.5}, {"a": 3, "b": 4.5}]
    assert [fetch.is_key(name) for name in ("KEY", "a", 1)] == [True, False, False]


def test_properties_of_classes() -> None:
    class One:
        name = module("utils").ClassProperty(lambda cls: cls.__name__.lower())

    assert One.name == One().name == "one"


def test_classes_are_found_in_namespaces(lab: lv.VirtualModule) -> None:
    find = module("table").lookup_class_name
    pipeline = ModuleType("pipeline")
    vars(pipeline).update(Session=lab.Session, Waiting=type("Waiting", (lv.Manual,), {}))
    context = {"number": 1, "Subject": lab.Subject, "pipeline": pipeline, "_hidden": lab.Species, "lv": lv}
    assert find("`lab`.`subject`", context) == "Subject"
    assert find("`lab`.`session__trial`", context) == "pipeline.Session.Trial"
    assert find("lab.Session", context) == "pipeline.Session"
    assert find("lab.Session", context, depth=0) is None
    assert find("`lab`.`species`", context) is None


def test_conditions_are_checked_and_name_their_attributes(lab: lv.VirtualModule) -> None:
    make = module("condition").make_condition
    columns: set[str] = set()
    for condition in (
        "weight > 20 AND name != 'species'",
        {"subject_id": 1, "nothing": 2},
        lv.AndList([{"species": "rat"}, lab.Session & "session = 1"]),
    ):
        made = make(lab.Subject(), condition, columns)
        assert (lab.Subject & made).fetch("KEY") == (lab.Subject & condition).fetch("KEY")
    assert columns == {"name", "species", "subject_id", "weight"}
    with pytest.raises(lv.errors.InvalidRequest, match="cannot be restricted by 3"):
        make(lab.Subject(), 3, columns)


def test_joins_can_be_checked_beforehand(lab: lv.VirtualModule) -> None:
    check = module("condition").assert_join_compatibility
    check(lab.Subject, lab.Session)
    check(lv.U("subject_id"), lab.Session)
    with pytest.raises(lv.errors.MismatchedLineage):
        check(lab.Subject, lab.Session.proj(name="day"))
    with pytest.raises(lv.errors.InvalidRequest, match="Only tables and queries"):
        check(3, lab.Session)


def test_origins_of_attributes(lab: lv.VirtualModule) -> None:
    lineage = module("lineage")
    connection = lab.Session.connection
    origin = lineage.get_lineage(connection, "lab", "session", "subject_id")
    assert origin == lab.Subject.heading["subject_id"].lineage
    assert lineage.get_lineage(connection, "lab", "session", "day") is None
    assert lineage.get_table_lineages(connection, "lab", "session")["subject_id"] == origin
    assert lab.schema.lineage["lab.session.subject_id"] == origin
    assert "lab.session.day" not in lab.schema.lineage


# -------------------------------------------------------------------------------------------------- settings


@pytest.mark.parametrize("version", NAMES)
def test_every_setting_exists_with_its_default(version: str) -> None:
    for name, default in NAMES[version]["settings"].items():
        assert name in DEFAULTS or name == "database.user", name
        if name not in MEANT_OTHERWISE and default is not None:
            assert DEFAULTS[name] == default, name


# ------------------------------------------------------------------------------------------------ connections


@pytest.fixture
def unwarned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "_told", set())


def test_host_user_and_password_are_accepted_with_one_warning(
    server_address: str, monkeypatch: pytest.MonkeyPatch, unwarned: None
) -> None:
    monkeypatch.setenv("LEVADA_URL", server_address)
    dj = module()
    with pytest.warns(lv.LevadaWarning, match="host, user, password and the like have no effect") as told:
        first = dj.conn(host="h", user="u", password="p")
        assert dj.conn("h", "u", "p") is first
        second = dj.conn("h", "u", "p", init_fun="f", reset=True, use_tls=False)
        others = [dj.Connection("h", "u", "p", 3306, "f", False), dj.Connection("h", "u", "p", backend="mysql")]
    assert len(told) == 1
    assert dj.conn() is lv.conn() is dj.conn.connection is second is not first
    assert all(isinstance(one, dj.Connection) and isinstance(one, lv.Connection) for one in (first, second, *others))
    assert not isinstance(3, dj.Connection)
    for one in (first, second, *others):
        one.close()


def test_a_host_of_datajoint_does_not_end_in_a_local_server(
    tmp_path: Any,  # noqa: ANN401  # a path
    monkeypatch: pytest.MonkeyPatch,
    unwarned: None,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LEVADA_URL", raising=False)
    for connect in (module().conn, module().Connection):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pytest.raises(lv.errors.InvalidRequest, match=r"The call names the database host 'db.lab.org'"):
                connect("db.lab.org", "u", "p")
    assert list(tmp_path.iterdir()) == []


def test_a_connection_says_who_calls_and_whom(connection: lv.Connection, unused_tcp_port: int) -> None:
    assert connection.conn_info == {"host": connection.address, "port": None, "user": lv.config["database.user"]}
    assert connection.get_user().split("@")[0] == lv.config["database.user"]
    connection.ping()
    connection.close()
    with pytest.raises(lv.errors.LostConnectionError):
        connection.ping()


def test_statements_of_sql_are_refused_with_what_to_use_instead(connection: lv.Connection) -> None:
    with pytest.raises(lv.errors.Unsupported, match=r"takes no SQL.*len\(table\).*list_schemas.*SHOW GRANTS"):
        connection.query("SHOW GRANTS", args=(), as_dict=True, suppress_warnings=False, reconnect=True)


def test_a_cache_of_queries_has_no_effect(connection: lv.Connection) -> None:
    with pytest.warns(lv.LevadaWarning, match="every fetch asks the server") as told:
        connection.set_query_cache("main")
        connection.set_query_cache()
    assert len(told) == 1
    connection.purge_query_cache()


def test_the_graph_of_all_tables(lab: lv.VirtualModule) -> None:
    @lab.schema
    class Pair(lv.Manual):
        definition = """
        -> Subject.proj(one='subject_id')
        -> Subject.proj(other='subject_id')
        """

    graph = lab.Subject.connection.dependencies
    assert lab.Subject.connection.dependencies is graph
    graph.load()
    subject, session, trial, pair = (f"`lab`.`{name}`" for name in ("subject", "session", "session__trial", "pair"))
    assert graph.nodes[session]["primary_key"] == {"subject_id", "session"}
    assert graph.parents(session) == {
        subject: {"primary": True, "attr_map": {"subject_id": "subject_id"}, "aliased": False, "multi": True}
    }
    assert graph.parents(subject, primary=True) == {}
    assert list(graph.parents(subject, primary=False)) == ["`lab`.`species`"]
    between = [name for name in graph.children(subject) if name.isdigit()]
    assert {next(iter(graph[name])) for name in between} == {pair}
    assert [graph[name][pair]["attr_map"] for name in between] == [{"one": "subject_id"}, {"other": "subject_id"}]
    assert graph.descendants(session) == [session, trial]
    assert set(graph.ancestors(pair)) == {pair, subject, "`lab`.`species`"}
    assert graph.ancestors(pair)[0] == pair
    assert graph.topo_sort().index(trial) == graph.topo_sort().index(session) + 1
    assert nx.shortest_path(graph, subject, trial) == [subject, session, trial]
    graph.load(schema_names=[])
    assert len(graph) == 0
    graph.load(force=False)
    assert len(graph) == 0
    graph.clear()
    assert graph.descendants(trial) == [trial]


def test_the_graph_needs_networkx(connection: lv.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "levada._net.dependencies", raising=False)
    monkeypatch.setitem(sys.modules, "networkx", None)
    with pytest.raises(lv.errors.Unsupported, match="pip install networkx"):
        connection.dependencies.load()


# ---------------------------------------------------------------------------------------- members of classes


def test_submodules_are_attributes_of_the_package() -> None:
    for name in ("utils", "blob", "errors", "hash", "table", "declare"):
        assert getattr(module(), name) is module(name)
    assert module().utils.get_master("`lab`.`session__trial`") == "`lab`.`session`"
    assert module().schema is lv.Schema


class _Unregistered(lv.Codec, register=False):
    name = "unregistered"

    def encode(self, value: object) -> object:
        return value

    def decode(self, stored: object) -> object:
        return stored


def test_missing_members_are_explained(lab: lv.VirtualModule) -> None:
    for owner, name, text in (
        (lab.Subject, "make_sql", "the server alone writes SQL"),
        (lab.Subject(), "where_clause", "the server alone writes SQL"),
        (lab.Subject & {"subject_id": 1}, "restrict_in_place", "assign the result"),
        (lab.Subject.heading, "table_status", "the server finds the heading"),
        (lab.Subject.heading["name"], "adapter", "only the server speaks to it"),
        (lab.Subject.connection, "register", "a schema knows its connection"),
        (lab.schema, "external", "levada objects collect"),
        (lab.schema, "log", "levada.Audit"),
        (lv.Top(), "merge", "one `Top` after the other"),
        (lv.DataJointError("x"), "suggest", "the whole text"),
        (_Unregistered(), "referenced_paths", "its path and size"),
    ):
        with pytest.raises(AttributeError, match=f"no attribute '{name}', unlike DataJoint: .*{text}") as caught:
            getattr(owner, name)
        assert caught.value.name == name
        other = "nonsense"
        with pytest.raises(AttributeError, match=r"no attribute 'nonsense'$"):
            getattr(owner, other)


def test_a_failing_property_keeps_its_own_error(connection: lv.Connection) -> None:
    schema = lv.Schema("failing", connection=connection)

    @schema
    class Number(lv.Manual):
        definition = "number : int"

        @property
        def half(self) -> int:
            return self.heading.halves  # type: ignore[no-any-return, attr-defined]

    for owner in (Number(), Number() & True):
        with pytest.raises(AttributeError, match=r"'Heading' has no attribute 'halves'"):
            owner.half  # noqa: B018


def test_a_relation_knows_its_conditions(lab: lv.VirtualModule) -> None:
    assert lab.Subject.restriction == lv.AndList()
    chosen = (lab.Subject & {"species": "mouse"} & "weight > 3") - "subject_id = 2"
    assert chosen.restriction == [{"species": "mouse"}, "weight > 3", lv.Not("subject_id = 2")]
    assert isinstance(chosen.restriction, lv.AndList)
    assert (lab.Subject & chosen.restriction).fetch("KEY") == chosen.fetch("KEY")
    assert (lab.Subject & lv.AndList(["subject_id > 1", lv.Top(1)])).restriction == ["subject_id > 1", lv.Top(1)]
    assert chosen.proj().restriction == []
    assert lab.Subject.restriction == []


def test_older_names_of_methods(lab: lv.VirtualModule) -> None:
    counts = lab.Subject.aggregate(lab.Session, n="count(*)").fetch("n", order_by="subject_id")
    assert counts.tolist() == [2, 1, 0]
    assert (lv.U("species") & lab.Subject).restriction == [lab.Subject()]
    assert lv.U("species", "name").primary_key == ["species", "name"]
    assert (lab.Session.class_name, lab.Session.Trial.class_name) == ("Session", "Session.Trial")
    assert "class Subject" in lab.schema.code


def test_rows_come_one_after_another_from_a_cursor(lab: lv.VirtualModule) -> None:
    cursor = (lab.Session & "subject_id = 1").cursor()
    assert cursor.fetchone() == next(iter([tuple((lab.Session & "subject_id = 1").to_dicts()[0].values())]))
    assert (len(cursor.fetchall()), cursor.fetchone(), cursor.rowcount) == (1, None, -1)
    assert list(lab.Session.cursor(as_dict=True)) == lab.Session.to_dicts()


def test_a_table_without_a_class_needs_no_connection(server_address: str, lab: lv.VirtualModule) -> None:
    with lv.connect(server_address):
        assert lv.FreeTable("lab.Subject").primary_key == ["subject_id"]
        assert len(lv.FreeTable(lv.conn(), "`lab`.`subject`")) == 3
    with pytest.raises(lv.errors.InvalidRequest, match="a connection and a name"):
        lv.FreeTable("lab", "subject")
    with pytest.raises(lv.errors.InvalidRequest, match="needs the name"):
        lv.FreeTable(lab.Subject.connection)


def test_attributes_say_what_they_are(connection: lv.Connection) -> None:
    schema = lv.Schema("kinds", connection=connection)

    @schema
    class Kind(lv.Manual):
        definition = """
        number : int auto_increment  # counted
        ---
        amount : decimal(5,2)
        ok : bool
        word = "a" : varchar(8)
        day = null : date
        id = null : uuid
        extra = null : json
        trace = null : <blob>
        far = null : <blob@main>
        note = null : <attach>
        """

    heading = Kind.heading
    flags = ("numeric", "string", "uuid", "json", "is_blob", "is_attachment", "is_filepath", "is_external", "is_hidden")
    found = {name: [flag for flag in flags if getattr(heading[name], flag)] for name in heading}
    assert found == {
        "number": ["numeric"],
        "amount": ["numeric"],
        "ok": ["numeric"],
        "word": ["string"],
        "day": ["string"],
        "id": ["uuid"],
        "extra": ["json"],
        "trace": ["is_blob"],
        "far": ["is_blob", "is_external"],
        "note": ["is_attachment"],
    }
    number, word = heading["number"], heading["word"]
    assert [number.dtype, word.dtype, heading["ok"].dtype] == ["int64", "object", "bool"]
    assert (number.lineage, word.lineage) == ("kinds.Kind.number", None) or number.lineage
    assert (heading["far"].store, heading["trace"].store, word.codec) == ("main", None, None)
    assert word.original_type == word.sql_type == word.type == "varchar(8)"
    assert word.sql == f"word = {word.default} : varchar(8)"
    assert number.sql.endswith("# counted")
    assert word.todict()["name"] == "word"
    assert heading.has_autoincrement
    assert heading.as_sql(["a", "b"]) == "`a`,`b`"
    assert heading.blobs == ["trace", "far"]


def test_errors_take_several_texts() -> None:
    assert str(lv.DataJointError()) == ""
    error = lv.DataJointError("one", "two", 3)
    assert (str(error), error.details) == ("one two 3", {})
    assert lv.errors.NotFound("x", {"table": 1}).details == {"table": "1"}
    with pytest.raises(lv.DataJointError):
        raise lv.DataJointError


def test_the_members_of_modules_are_sorted() -> None:
    assert list(MEMBERS) == sorted(MEMBERS)

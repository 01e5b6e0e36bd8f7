"""Lists that the server cuts into pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada._net.pages import pages
from levada_api.v1 import schema_service_pb2 as pb

if TYPE_CHECKING:
    import levada as lv


def test_a_list_is_read_to_its_last_page(lab: lv.VirtualModule) -> None:
    request = pb.ListTablesRequest(schema="lab", page_size=1)
    listed = pages(lab.schema.connection, "SchemaService/ListTables", request, pb.ListTablesResponse)
    assert [[table.name.table for table in page.tables] for page in listed] == [
        ["Species"],
        ["Subject"],
        ["Session"],
        ["Session.Trial"],
    ]

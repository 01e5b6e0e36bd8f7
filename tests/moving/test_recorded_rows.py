"""Rows behind a recorded read: every operator of the algebra has its way to them."""

from __future__ import annotations

import ast
import inspect

from levada._moving import recorded_rows
from levada_api.v1 import relation_pb2


def test_each_operator_has_an_arm() -> None:
    tree = ast.parse(inspect.getsource(recorded_rows))
    (below,) = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "below")
    arms = {
        value.value
        for pattern in ast.walk(below)
        if isinstance(pattern, ast.MatchValue)
        for value in [pattern.value]
        if isinstance(value, ast.Constant)
    }
    assert arms == {field.name for field in relation_pb2.RelationNode.DESCRIPTOR.oneofs_by_name["operator"].fields}

"""The colours of diagrams on light and on dark pages."""

from __future__ import annotations

from levada_api.v1 import schema_pb2 as pb

TIER_NAMES = {
    pb.TABLE_TIER_UNSPECIFIED: "schema",  # the collapsed tables of a schema
    pb.TABLE_TIER_LOOKUP: "lookup",
    pb.TABLE_TIER_MANUAL: "manual",
    pb.TABLE_TIER_IMPORTED: "imported",
    pb.TABLE_TIER_COMPUTED: "computed",
    pb.TABLE_TIER_PART: "part",
}

LIGHT = {
    "page": "#ffffff",
    "text": "#1f2328",
    "muted": "#59636e",
    "line": "#7d8590",
    "frame": "#f6f8fa",
    "frame-edge": "#d1d9e0",
    "lookup": "#eef0f1",
    "lookup-edge": "#7f8c8d",
    "manual": "#e2f5ea",
    "manual-edge": "#27ae60",
    "imported": "#e1eefa",
    "imported-edge": "#2980b9",
    "computed": "#fbe6e3",
    "computed-edge": "#c0392b",
    "part": "#f4ece2",
    "part-edge": "#8e6b3d",
    "schema": "#ece7f6",
    "schema-edge": "#7d5fb2",
    "left": "#d1d9e0",
    "done": "#27ae60",
    "error": "#c0392b",
}
DARK = {
    "page": "#16191d",
    "text": "#e6edf3",
    "muted": "#9aa4af",
    "line": "#7d8791",
    "frame": "#1e2329",
    "frame-edge": "#3a424b",
    "lookup": "#2c3136",
    "lookup-edge": "#96a2a8",
    "manual": "#193326",
    "manual-edge": "#3dbb70",
    "imported": "#172f44",
    "imported-edge": "#58a6de",
    "computed": "#3f2321",
    "computed-edge": "#ea6f60",
    "part": "#362d21",
    "part-edge": "#bd955f",
    "schema": "#2c2640",
    "schema-edge": "#a68be2",
    "left": "#48525c",
    "done": "#3dbb70",
    "error": "#ea6f60",
}
"""Colours by their role; the name of a tier is that of its boxes."""

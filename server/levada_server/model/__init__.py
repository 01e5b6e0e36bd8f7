"""The model of the field, pure: types, headings, tables, the definition language, the graph."""

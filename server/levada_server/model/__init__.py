"""The words of the field, pure: types, headings, tables, the definition language, the graph."""

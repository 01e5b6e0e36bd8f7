"""Values and rows, in Python and on the wire."""

"""Tables: rows in, rows changed, rows out of the way."""

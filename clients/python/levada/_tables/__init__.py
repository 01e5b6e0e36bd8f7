"""Tables: inserting, changing and deleting rows."""

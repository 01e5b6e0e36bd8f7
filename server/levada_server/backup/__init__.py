"""Save a whole database with its objects to a folder, check such a folder, and restore from it."""

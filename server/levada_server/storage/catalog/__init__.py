"""The catalog: schemas, tables and their attributes."""

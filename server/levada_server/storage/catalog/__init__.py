"""Read and change the catalog: schemas, tables and their attributes."""

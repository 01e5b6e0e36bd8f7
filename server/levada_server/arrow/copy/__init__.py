"""The binary format of PostgreSQL's COPY."""

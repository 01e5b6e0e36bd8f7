"""The PostgreSQL that the server starts itself."""

"""The PostgreSQL that the server itself starts."""

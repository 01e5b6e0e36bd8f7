"""Users, tokens, teams and grants in PostgreSQL."""

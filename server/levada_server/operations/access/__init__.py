"""The gate, from which operations get every table and every compiled query."""

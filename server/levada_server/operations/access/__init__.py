"""The gate: every table and every compiled query that an operation works with comes from here."""

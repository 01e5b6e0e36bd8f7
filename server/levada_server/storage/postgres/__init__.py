"""Open connections and transactions of PostgreSQL, translate its errors, and store outcomes of requests."""

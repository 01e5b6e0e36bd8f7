"""PostgreSQL, all of it: the only package that imports asyncpg."""

"""Read and write PostgreSQL and stores; the only package that imports asyncpg."""

"""The Levada server: scientific data pipelines as a service over PostgreSQL."""

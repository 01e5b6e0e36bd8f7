"""Levada side by side with its peers on one PostgreSQL: `make bench`."""

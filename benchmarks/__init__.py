"""Compares Levada with its peers on one PostgreSQL: `make bench`."""

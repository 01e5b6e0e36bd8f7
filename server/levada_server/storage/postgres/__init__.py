"""Connections to PostgreSQL, transactions, and what every statement needs."""

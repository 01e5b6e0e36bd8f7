"""Rows of users' tables."""

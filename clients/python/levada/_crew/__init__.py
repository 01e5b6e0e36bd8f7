"""Processes that compute in parallel."""

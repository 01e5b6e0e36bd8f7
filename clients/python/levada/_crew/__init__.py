"""Processes that compute side by side."""

"""Diagrams and provenance of pipelines."""

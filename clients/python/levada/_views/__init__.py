"""Pipelines drawn and described for others."""

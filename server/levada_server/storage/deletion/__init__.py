"""Deleting entities with all that depends on them."""

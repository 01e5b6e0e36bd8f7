"""Carry many calls on one stream."""

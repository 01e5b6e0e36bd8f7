"""Bringing databases of DataJoint here: what lies there, what becomes of it, and the work itself."""

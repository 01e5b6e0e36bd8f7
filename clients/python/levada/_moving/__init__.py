"""Schemas that go elsewhere: to another server, or into files that open anywhere."""

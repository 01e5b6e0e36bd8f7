"""Classes as tables of a schema, and their computation."""

"""Classes as tables of a schema, and computing what they make."""

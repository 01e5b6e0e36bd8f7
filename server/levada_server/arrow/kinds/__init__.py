"""How the values of attribute types lie in columns: one module for each way."""

"""How the values of attribute types are in Python and in Arrow: one module for each way."""

"""Values of attribute types in Python and in Arrow: one module per group of kinds."""

"""The layouts of attribute types' values in columns, one module for each layout."""

"""The compiler, pure: the query algebra to SQL."""

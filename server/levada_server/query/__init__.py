"""The compiler, pure: from the query algebra to SQL."""

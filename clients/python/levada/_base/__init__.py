"""The base that every other module may use."""

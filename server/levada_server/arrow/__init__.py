"""Columns, pure: attribute types and values to Arrow and back."""

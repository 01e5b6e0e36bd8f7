"""Columns, pure: from attribute types and values to Arrow and back."""

"""Pure conversion of columns: from attribute types and values to Arrow and back."""

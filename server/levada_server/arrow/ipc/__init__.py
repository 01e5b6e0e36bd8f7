"""Arrow's streams of record batches."""

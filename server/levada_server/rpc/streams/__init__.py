"""Many calls on one stream."""

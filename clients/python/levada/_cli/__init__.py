"""The command `levada`."""

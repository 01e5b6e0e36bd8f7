"""The commands themselves. Each module is imported when one of its commands runs."""

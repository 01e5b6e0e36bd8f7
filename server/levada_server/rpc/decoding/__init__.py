"""Decode the messages of clients."""

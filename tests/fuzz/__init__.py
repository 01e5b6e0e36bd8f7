"""Fuzzing by mutation: `make fuzz TARGET=arrow SECONDS=60`."""

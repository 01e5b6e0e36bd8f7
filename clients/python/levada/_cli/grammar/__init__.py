"""The words of the command line: which commands there are, with their options. Nothing here is slow to import."""

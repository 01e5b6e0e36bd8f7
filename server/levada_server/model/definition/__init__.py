"""The syntax of the definition language: text becomes lines, each word with its place."""

"""The syntax of the definition language: from text to lines, each word with its position."""

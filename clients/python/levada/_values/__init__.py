"""Values and rows, as Python has them and as they travel."""

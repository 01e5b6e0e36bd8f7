"""Relations: expressions over tables, and their results."""

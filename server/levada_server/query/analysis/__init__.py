"""What a relation reads, and how much work it is."""

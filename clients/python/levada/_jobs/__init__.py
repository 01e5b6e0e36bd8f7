"""Jobs: reserve one, run its `make`, hand in what it made."""

"""Jobs: reserve one, run its `make`, complete it."""

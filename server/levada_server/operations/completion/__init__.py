"""Complete jobs: their state and the rows they insert."""

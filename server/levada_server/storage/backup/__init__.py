"""Read a whole database in one snapshot, and make a restored one independent of its origin."""

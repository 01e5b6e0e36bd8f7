"""Delete entities with all entities that depend on them."""

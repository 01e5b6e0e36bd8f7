"""Pictures of graphs: which box stands where, and how the lines between them run. Pure."""

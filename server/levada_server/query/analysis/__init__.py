"""Analysis of relations: the tables they read, and the effort of compiling them."""

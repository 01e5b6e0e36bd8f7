"""Read and change rows of users' tables."""

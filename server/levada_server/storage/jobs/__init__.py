"""Read and change jobs, their tables and the sessions of workers."""

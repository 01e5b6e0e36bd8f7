"""Jobs, their tables and the sessions of workers."""

"""The life of a job, pure."""

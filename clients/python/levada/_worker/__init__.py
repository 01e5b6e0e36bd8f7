"""The worker: processes that compute pending jobs, and their reports."""

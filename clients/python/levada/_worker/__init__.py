"""The worker: processes that compute what becomes possible, and what it tells of them."""

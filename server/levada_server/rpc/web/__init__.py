"""The dashboard over HTTP: the same calls by gRPC-Web, the files of its page, and the cookie of a session."""

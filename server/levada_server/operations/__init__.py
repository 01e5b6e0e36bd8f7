"""The server's operations: one function per RPC."""

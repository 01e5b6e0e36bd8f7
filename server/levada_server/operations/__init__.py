"""What the server can do: one function per RPC."""

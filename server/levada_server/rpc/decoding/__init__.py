"""Messages of clients, decoded."""

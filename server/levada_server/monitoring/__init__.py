"""Watch over a server: its metrics, whether it is alive and ready, and alerts."""

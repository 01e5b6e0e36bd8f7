"""Content that lies in stores."""

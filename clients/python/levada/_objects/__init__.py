"""Content in stores."""

"""Objects in stores."""

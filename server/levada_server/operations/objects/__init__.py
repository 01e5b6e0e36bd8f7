"""Write, read and collect objects in stores."""

"""Keep objects in stores, and record them."""

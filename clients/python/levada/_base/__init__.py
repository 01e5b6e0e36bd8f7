"""What every other module may use."""

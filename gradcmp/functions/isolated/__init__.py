"""What lies between the taps of functions, each part alone."""

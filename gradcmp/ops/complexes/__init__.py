"""Complex numbers: which ops have a meaning on them, and the ops of complex numbers alone."""

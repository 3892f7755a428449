"""Functions at edge shapes and edge values, and the smallest at which they go wrong."""

"""Complex numbers as pairs of real ones: what judges a graph sees real numbers alone."""

"""Many elements become one, or run along an axis."""

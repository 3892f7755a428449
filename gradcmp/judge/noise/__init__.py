"""A graph and inputs in, the rounding noise of a correct implementation out."""

from gradcmp.judge.noise.rules import arithmetic, layout, matrices  # they register themselves

__all__ = ["arithmetic", "layout", "matrices"]

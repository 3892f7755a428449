"""A graph and inputs in, the rounding noise of a correct implementation out."""

from gradcmp.judge.noise import (
    arithmetic,
    layout,
    matrices,
)  # they register the rules of the noise model

__all__ = ["arithmetic", "layout", "matrices"]

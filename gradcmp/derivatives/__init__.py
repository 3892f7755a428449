"""Derivatives beyond the gradient: what is asked for, and what it is called."""

from gradcmp.derivatives.asked import ALONG, KEY, MOST, SECOND, Asked, is_stepped
from gradcmp.derivatives.names import Derivative, is_derived, is_tangent, names, tangent

__all__ = [
    "ALONG",
    "KEY",
    "MOST",
    "SECOND",
    "Asked",
    "Derivative",
    "is_derived",
    "is_stepped",
    "is_tangent",
    "names",
    "tangent",
]

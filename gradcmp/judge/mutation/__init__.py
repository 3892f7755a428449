"""Gradients with a fault injected, and which of them a check would let pass."""

"""Tensors that lie in memory otherwise."""

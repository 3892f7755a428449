"""Tensors of two recordings side by side: what the stages are asked about."""

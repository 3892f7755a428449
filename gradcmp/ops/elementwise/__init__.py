"""Arithmetic and functions, element by element."""

"""Inputs, containers of arrays and parameters of the reference, as a function takes them."""

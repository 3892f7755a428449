"""Runs under noise, as every framework makes them that shows its stream of operations."""

"""Tolerance auto: judge a difference by the noise that a correct implementation shows."""

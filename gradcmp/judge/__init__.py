"""Recordings in, verdicts out: pure, no I/O, no framework."""

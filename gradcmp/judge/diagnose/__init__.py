"""Which side is wrong, where it begins, and why."""

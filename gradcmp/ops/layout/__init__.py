"""Elements are picked, moved, repeated or joined; none is computed."""

"""What the text of a function tells, without importing it."""

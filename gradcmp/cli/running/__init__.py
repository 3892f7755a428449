"""Cases run on warm workers: once, several at once, or again after each change."""

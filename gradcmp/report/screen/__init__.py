"""The screen: the table of the verdicts, its details, and the progress before it."""

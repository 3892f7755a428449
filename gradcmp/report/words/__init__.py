"""What is said of verdicts, in one place for screens and files: sentences, figures, colours."""

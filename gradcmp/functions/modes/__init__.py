"""What is asked of functions once more: at the stages of a compiler, and for what they drew."""

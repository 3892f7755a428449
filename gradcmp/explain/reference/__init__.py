"""The reference as code that needs no gradcmp: traced, named, step by step, and back."""

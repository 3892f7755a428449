"""Functions that are run once more: several times, or layer by layer."""

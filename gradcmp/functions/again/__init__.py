"""Functions that are run once more: several times, or at the stages of a compiler."""

"""Why two arrays differ: hypotheses, each a prediction that is held against the arrays."""

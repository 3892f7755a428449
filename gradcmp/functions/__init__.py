"""Functions of the user that are to compute the same, compared where they are."""

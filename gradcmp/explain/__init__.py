"""The chain rule, written out: as a derivation, a notebook, a script."""

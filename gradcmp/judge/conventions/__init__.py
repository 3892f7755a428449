"""What no mathematics says: which convention holds beside a NaN, and at a kink."""

"""The border to what is not ours: text that may be shown, files that somebody else has named."""

"""The commands that compute or compare: one file each."""

"""Functions of the user, each native to a framework: called, differentiated and given noise."""

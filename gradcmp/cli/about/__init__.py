"""The commands that tell what there is, and run nothing: one file each."""

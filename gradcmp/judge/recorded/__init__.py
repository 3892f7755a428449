"""Judge recordings that were read from files."""

"""The failing comparison of somebody's functions as a script that needs no gradcmp."""

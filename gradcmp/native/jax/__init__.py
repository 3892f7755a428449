"""Functions of JAX: traced once, run by JAX, and again by NumPy on arrays that carry noise."""

"""Do my gradients agree? NumPy by hand, TensorFlow, PyTorch and JAX, element by element."""

"""Files of any program that hold arrays: PyTorch, HDF5, Keras, CSV, and recordings."""

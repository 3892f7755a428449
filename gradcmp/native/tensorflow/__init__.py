"""Functions of TensorFlow, run eagerly under a tape."""

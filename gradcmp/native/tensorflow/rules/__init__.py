"""What error each of TensorFlow's operations makes."""

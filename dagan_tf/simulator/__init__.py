"""One photo in, the same face at any yaw out. No TensorFlow."""

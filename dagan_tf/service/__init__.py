"""The refiner over TensorFlow Serving's protocols: both ends of the line."""

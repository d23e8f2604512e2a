"""Measures of recognisers and of image sets: pure functions on arrays. No TensorFlow."""

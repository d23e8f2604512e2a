"""A photo to a face: safe reading, detection, 68 landmarks, alignment. No TensorFlow."""

"""Photo to face: safe reading, detection, 68 landmarks, alignment, embedding. No TensorFlow."""

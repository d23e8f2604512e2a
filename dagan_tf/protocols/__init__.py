"""Who is compared with whom, from the sets' own files. No TensorFlow."""

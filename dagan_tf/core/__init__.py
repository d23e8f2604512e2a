"""What any room stands on: programs and their exit codes, versions of Keras, quiet starts."""

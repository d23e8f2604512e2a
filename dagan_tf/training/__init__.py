"""One training of the GAN, from folders to a model folder."""

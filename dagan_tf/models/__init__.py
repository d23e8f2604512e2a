"""Keras networks: the refiner (generator) and the dual-agent discriminator."""

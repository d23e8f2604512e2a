"""The paper: refiner, dual-agent discriminator, losses, equilibrium, training step."""

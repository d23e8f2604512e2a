"""Trained networks and their readers: the refiner in the box with its card, and model folders."""

"""Recognition by features: heads trained on real, simulated and refined faces."""

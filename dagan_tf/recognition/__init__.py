"""Recognisers, trained on real, simulated and refined faces."""

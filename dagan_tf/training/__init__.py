"""Dual-agent training: losses, boundary equilibrium, train step, callbacks, the run."""

"""Presets of `trainer.task`."""

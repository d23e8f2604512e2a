"""Presets of `trainer.recognise`."""

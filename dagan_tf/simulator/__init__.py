"""Landmarks to simulated view: 3D head, camera, fit, rasteriser, texture, scene. No TensorFlow."""

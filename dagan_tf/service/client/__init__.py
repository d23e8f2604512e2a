"""Refines images through a model server."""

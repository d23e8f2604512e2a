"""Features of faces to the figures of a protocol."""

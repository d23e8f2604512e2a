"""A posed mesh to pixels."""

"""A photo taken apart into head and surroundings, each with its colours."""

"""Features of faces to scores of pairs of templates, by six methods."""

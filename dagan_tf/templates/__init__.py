"""Template methods: from features of faces to scores of pairs of templates, on any features."""

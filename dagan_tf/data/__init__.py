"""Photo folders, manifests, records and the input pipeline."""

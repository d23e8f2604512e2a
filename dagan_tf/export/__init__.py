"""A trained refiner as a SavedModel: written, blessed, numbered, read back."""

"""A folder becomes another one, resumable at any moment."""

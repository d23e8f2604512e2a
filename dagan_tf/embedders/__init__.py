"""Who is this? Frozen face recognition networks."""

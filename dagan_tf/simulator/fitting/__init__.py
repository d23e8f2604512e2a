"""68 landmarks to pose, identity and expression of the head."""

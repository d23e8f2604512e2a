"""68 landmarks to pose, identity and expression of the head, and the frame it is shown in."""

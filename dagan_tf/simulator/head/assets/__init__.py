"""The packaged head model and its relief; HEAD.md says where they come from."""

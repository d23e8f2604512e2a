"""The packaged head model, its relief and its ears; HEAD.md says where they come from."""

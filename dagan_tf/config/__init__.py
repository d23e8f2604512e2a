"""The settings of a training, read and checked."""

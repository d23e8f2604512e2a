"""Readers of head models: each turns one kind of file into the arrays of our own npz."""

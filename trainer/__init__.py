"""Command-line programs that make, train and refine; flags and wiring only."""

"""Command-line programs that export and serve; flags and wiring only."""

"""Photos and records on disk; knows no simulator."""

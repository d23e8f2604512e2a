"""What came out: realism, identity, curves, and the report."""

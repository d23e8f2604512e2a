"""What came out, as HTML pages and plots."""

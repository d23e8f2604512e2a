"""Readers of face recognition protocols: who is compared with whom, from the sets' own files."""

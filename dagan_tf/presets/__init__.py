"""Settings that were tried, as YAML files."""

"""The demo page: one photo, turned and refined while one drags."""

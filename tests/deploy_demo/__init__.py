"""The demonstration's own tests."""

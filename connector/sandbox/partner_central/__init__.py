"""A Partner Central that is as strict as the real one, on loopback."""

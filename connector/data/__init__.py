"""Versioned facts as data."""

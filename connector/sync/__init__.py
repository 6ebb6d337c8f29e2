"""The engine: plan what to do, do it, remember it."""

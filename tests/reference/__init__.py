"""Slow, obvious implementations, from the paper, that the real ones must match."""

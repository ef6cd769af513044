"""Slow, obvious implementations, written from the paper, that the real ones must match."""

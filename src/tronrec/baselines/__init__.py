"""Recommenders that need no training, ranked by the rules of the trained ones."""

"""Exact ranking of every event against every item, and the metrics of ranks."""

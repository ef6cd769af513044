"""Optimisation: batches, the step, the loop over epochs."""

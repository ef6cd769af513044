"""From hidden states to the best items of the whole catalogue."""

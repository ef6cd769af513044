"""A first look at a click log: what its columns are, as configuration to be checked."""

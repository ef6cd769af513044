"""The search for better settings: space, study, trials, results."""

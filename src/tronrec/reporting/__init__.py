"""What is left of a run for people to read: tables, figures and the run's record."""

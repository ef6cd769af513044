"""The stages of the data's path, one folder each."""

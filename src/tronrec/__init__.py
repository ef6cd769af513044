"""Session-based recommenders, trained without padding and evaluated exactly."""

__version__ = "0.1.0"

"""The version of the library, of which the package's metadata and reports speak."""

__version__ = "0.1.0"

"""The version of all three packages; also the one the server reports."""

__version__ = "0.1.0"

"""Functions of two parameters."""

"""Linear models, whose optimum is known."""

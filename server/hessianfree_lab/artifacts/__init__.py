"""Files that belong to runs: received, kept within limits, and given out."""

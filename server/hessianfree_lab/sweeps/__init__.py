"""What a sweep tries next, and who sees to it."""

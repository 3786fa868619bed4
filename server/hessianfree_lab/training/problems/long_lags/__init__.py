"""Sequences whose target hangs on what came long before, for a recurrent network."""

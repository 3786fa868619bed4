"""Where the jobs of a worker run: this machine, a Ray cluster, Slurm; interface.py says what they have in common."""

"""Where a job's process runs: `local` is this machine."""

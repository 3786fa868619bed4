"""A worker: an agent that claims jobs, and one runner process for each job. Knows the server by HTTP alone."""

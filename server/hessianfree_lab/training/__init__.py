"""Problems, optimizers, and the session that brings one of each together. Needs torch; speaks to no server."""

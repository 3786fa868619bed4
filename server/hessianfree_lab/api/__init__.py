"""HTTP: thin routers over the store. docs/wire.md is what they answer to."""

"""The `domicile` command: starts the tiers as processes, and is a client of them. It imports neither."""

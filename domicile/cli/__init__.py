"""The `domicile` command: starts the tiers as processes, and speaks to them as a client."""

"""The rim that both tiers need: settings, logging, metrics, health, signed HTTP, the decoder pool, and the gate."""

"""The language: what a URL, a transformation, a policy, a purge mean. Pure values and functions; no I/O, no clock."""

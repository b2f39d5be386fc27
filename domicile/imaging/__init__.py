"""Pixels: synchronous, offline, run in sandboxed worker processes."""

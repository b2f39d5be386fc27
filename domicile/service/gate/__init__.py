"""The only door for bytes that move: HTTP clients and file writers live here, and every function asks for a permit."""

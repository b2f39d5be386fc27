"""Readers of container headers: what a file claims, found without decoding a pixel. One format a file."""

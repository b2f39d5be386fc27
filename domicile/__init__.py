"""Domicile: media with a legal home. What both tiers share, and the command that starts them."""

__version__ = "0.1.0"

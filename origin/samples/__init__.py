"""The photo that a new installation can show."""

from __future__ import annotations

from importlib.resources import files

SAMPLE_PUBLIC_ID = "sample"


def sample_photo() -> bytes:
    """A JPEG of 768 x 512 pixels; see README.md for where it comes from."""
    return files(__name__).joinpath("sample.jpg").read_bytes()

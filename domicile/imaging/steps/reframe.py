"""Crop and resize: the window of the stage."""

from __future__ import annotations

from PIL import Image

from domicile.imaging.resample import resample
from domicile.media.stage import Stage


def reframe(image: Image.Image, stage: Stage) -> Image.Image:
    """Show the window, if there is one."""
    return image if stage.window is None else resample(image, stage.window)

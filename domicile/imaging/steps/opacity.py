"""Opacity: alpha times a percentage."""

from __future__ import annotations

from PIL import Image

from domicile.media.stage import OPACITY_FULL, Stage


def opacity(image: Image.Image, stage: Stage) -> Image.Image:
    """RGBA, more transparent than before; 100 changes nothing."""
    percent = stage.opacity
    if percent is None or percent >= OPACITY_FULL:
        return image
    faded = image.copy() if image.mode == "RGBA" else image.convert("RGBA")
    alpha = faded.getchannel("A").point([(value * percent + OPACITY_FULL // 2) // OPACITY_FULL for value in range(256)])
    faded.putalpha(alpha)
    return faded

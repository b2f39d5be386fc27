"""What effects on colours share: transparency is put aside, and comes back as it was."""

from __future__ import annotations

from collections.abc import Callable

from PIL import Image

PERCENT = 100


def on_colors(image: Image.Image, change: Callable[[Image.Image], Image.Image]) -> Image.Image:
    """Change the RGB part of an RGB or RGBA picture, size and alpha kept."""
    if image.mode != "RGBA":
        return change(image)
    changed = change(image.convert("RGB"))
    changed.putalpha(image.getchannel("A"))
    return changed


def luma(colors: Image.Image) -> Image.Image:
    """Brightness by ITU-R BT.601, mode L."""
    return colors.convert("L")


def visible(image: Image.Image) -> Image.Image | None:
    """A mask of what can be seen, for statistics; None when all can."""
    return image.getchannel("A") if image.mode == "RGBA" else None


def blended(before: Image.Image, after: Image.Image, percent: int) -> Image.Image:
    """That much of `after`."""
    return after if percent == PERCENT else Image.blend(before, after, percent / PERCENT)

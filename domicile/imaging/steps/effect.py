"""Effects by name. One effect a component (the last one written counts, says Cloudinary)."""

from __future__ import annotations

from collections.abc import Callable

from PIL import Image

from domicile.imaging.steps import adjust, automatic, transparency
from domicile.imaging.steps.blur import blur
from domicile.imaging.steps.grayscale import grayscale
from domicile.imaging.steps.halo import outline, shadow
from domicile.imaging.steps.oil import oil_paint
from domicile.imaging.steps.pixelate import pixelate
from domicile.imaging.steps.sharpen import sharpen
from domicile.imaging.steps.tint import tint
from domicile.media.errors import BadTransformation
from domicile.media.stage import Stage
from domicile.media.trims import TRIM

EFFECTS: dict[str, Callable[[Image.Image, int | None], Image.Image]] = {
    "grayscale": grayscale,
    "blur": blur,
    "sharpen": sharpen,
    "pixelate": pixelate,
}
ADJUSTMENTS: dict[str, Callable[[Image.Image, Stage], Image.Image]] = {
    "sepia": adjust.sepia,
    "brightness": adjust.brightness,
    "contrast": adjust.contrast,
    "saturation": adjust.saturation,
    "hue": adjust.hue,
    "gamma": adjust.gamma,
    "negate": adjust.negate,
    "colorize": adjust.colorize,
    "blackwhite": adjust.blackwhite,
    "vignette": adjust.vignette,
    "unsharp_mask": adjust.unsharp_mask,
    "auto_brightness": automatic.auto_brightness,
    "auto_contrast": automatic.auto_contrast,
    "auto_color": automatic.auto_color,
    "improve": automatic.improve,
    "tint": tint,
    "oil_paint": oil_paint,
    "opacity_threshold": transparency.opacity_threshold,
    "make_transparent": transparency.make_transparent,
    "shadow": shadow,
    "outline": outline,
}
"""Effects that look at more than their strength: a colour, a kind."""
BETWEEN = frozenset({TRIM})
"""Effects that change the size by what all frames show: performed between the parts of a chain (`imaging/chain.py`)."""


def effect(image: Image.Image, stage: Stage) -> Image.Image:
    """Apply the effect of the stage. Raises BadTransformation for one that is not known here."""
    asked = stage.effect
    if asked is None or asked.name in BETWEEN:
        return image
    if asked.name in ADJUSTMENTS:
        return ADJUSTMENTS[asked.name](image, stage)
    if asked.name not in EFFECTS:
        raise BadTransformation.component(f"e_{asked.name}")
    return EFFECTS[asked.name](image, asked.strength)

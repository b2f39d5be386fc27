"""Effects by name. One effect a component (the last one written counts, says Cloudinary)."""

from __future__ import annotations

from collections.abc import Callable

from PIL import Image

from domicile.imaging.steps.blur import blur
from domicile.imaging.steps.grayscale import grayscale
from domicile.imaging.steps.pixelate import pixelate
from domicile.imaging.steps.sharpen import sharpen
from domicile.media.errors import BadTransformation
from domicile.media.plan import Stage

EFFECTS: dict[str, Callable[[Image.Image, int | None], Image.Image]] = {
    "grayscale": grayscale,
    "blur": blur,
    "sharpen": sharpen,
    "pixelate": pixelate,
}


def effect(image: Image.Image, stage: Stage) -> Image.Image:
    """Apply the effect of the stage. Raises BadTransformation for one that is not known here."""
    if stage.effect is None:
        return image
    if stage.effect.name not in EFFECTS:
        raise BadTransformation.component(f"e_{stage.effect.name}")
    return EFFECTS[stage.effect.name](image, stage.effect.strength)

"""Effects and opacity.

    e = "grayscale" / ("blur" / "sharpen") [":" 1-2000] / "pixelate" [":" 1-200] / adjustment    ; params/adjustment.py
      / ("blur_faces" / "blur_region") [":" 1-2000] / ("pixelate_faces" / "pixelate_region") [":" 1-200]
    o = integer                                         ; 0 to 100 percent

One effect a component: of several the last one counts. Source: cloudinary-compat 3.1, 3.4.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domicile.media.params.adjustment import read_adjustment, write_effect
from domicile.media.params.base import Parameter, read_integer
from domicile.media.transformation import Component, Effect

STRENGTH_MAX = {
    "grayscale": 0,
    "blur": 2000,
    "blur_faces": 2000,
    "blur_region": 2000,
    "sharpen": 2000,
    "pixelate": 200,
    "pixelate_faces": 200,
    "pixelate_region": 200,
}
"""Greatest strength; 0 for effects that take none."""
OPACITY_MAX = 100


def read_effect(text: str) -> Effect:
    name, colon, strength = text.partition(":")
    if name not in STRENGTH_MAX:
        return read_adjustment(name, strength if colon else None)
    if not colon:
        return Effect(name)
    return Effect(name, read_integer(strength, low=1, high=STRENGTH_MAX[name]))


def _read(text: str) -> Mapping[str, Any]:
    return {"effect": read_effect(text)}


def _write(component: Component) -> str | None:
    return None if component.effect is None else write_effect(component.effect)


def _read_opacity(text: str) -> Mapping[str, Any]:
    return {"opacity": read_integer(text, low=0, high=OPACITY_MAX)}


def _write_opacity(component: Component) -> str | None:
    return None if component.opacity is None else str(component.opacity)


PARAMETERS = (
    Parameter(key="e", read=_read, write=_write, is_last_word=True),
    Parameter(key="o", read=_read_opacity, write=_write_opacity),
)

"""A transformation: a tuple of components, each a frozen record of what one URL segment asks for.

The canonical text is the cache identity: parsing it gives the same transformation, and building that gives the same
text. What a value means for pixels is decided in `plan.py`; how it is written in a URL, in `params/`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Crop(StrEnum):
    SCALE = "scale"
    FIT = "fit"
    LIMIT = "limit"
    MFIT = "mfit"
    FILL = "fill"
    LFILL = "lfill"
    PAD = "pad"
    LPAD = "lpad"
    CROP = "crop"
    THUMB = "thumb"


class Gravity(StrEnum):
    CENTER = "center"
    NORTH = "north"
    NORTH_EAST = "north_east"
    EAST = "east"
    SOUTH_EAST = "south_east"
    SOUTH = "south"
    SOUTH_WEST = "south_west"
    WEST = "west"
    NORTH_WEST = "north_west"


@dataclass(frozen=True, slots=True)
class Pixels:
    """A whole number of pixels."""

    value: int


@dataclass(frozen=True, slots=True)
class Share:
    """A share of the original's (or current) side: written with a decimal point. 0.5 is half, 1.0 all of it."""

    value: float


Size = Pixels | Share


@dataclass(frozen=True, slots=True)
class Color:
    """8-bit sRGB with alpha."""

    red: int
    green: int
    blue: int
    alpha: int = 255


@dataclass(frozen=True, slots=True)
class Quality:
    """`q_80` is level 80; `q_auto` is a level of None with auto "good", `q_auto:eco` with "eco". `chroma` is "", "420" or "444"."""

    level: int | None
    auto: str = ""
    chroma: str = ""


@dataclass(frozen=True, slots=True)
class Effect:
    """An effect and its strength; None takes the effect's default."""

    name: str
    strength: int | None = None


@dataclass(frozen=True, slots=True)
class Radii:
    """Corner radii in CSS order (top-left, top-right, bottom-right, bottom-left), pixels; or `max` for an ellipse."""

    corners: tuple[int, int, int, int] = (0, 0, 0, 0)
    is_max: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One segment between slashes. None (or empty) means: not asked for."""

    width: Size | None = None
    height: Size | None = None
    aspect: float | None = None
    crop: Crop | None = None
    gravity: Gravity | None = None
    x: Size | None = None
    y: Size | None = None
    dpr: float | None = None
    angles: tuple[int | str, ...] = ()
    """Degrees clockwise (0 to 359) or "hflip", "vflip", "ignore", in order."""
    radii: Radii | None = None
    effect: Effect | None = None
    opacity: int | None = None
    background: Color | None = None
    quality: Quality | None = None
    format: str | None = None
    """"jpg", "png", "webp", "avif", "gif" or "auto"."""
    flags: frozenset[str] = frozenset()
    """As written after `fl_`; `progressive` may be "progressive:semi", "progressive:steep" or "progressive:none"."""
    attachment_name: str | None = None
    """Decoded; only beside the flag "attachment"."""
    default_image: str | None = None
    """Decoded, perhaps with an extension: the picture that stands in for one that does not exist."""

    # `canonical` text is made by grammar.build_component: this file knows no spelling.


@dataclass(frozen=True, slots=True)
class Transformation:
    """Components in the order they apply."""

    components: tuple[Component, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.components)

    @property
    def flags(self) -> frozenset[str]:
        return frozenset().union(*(component.flags for component in self.components))

    @property
    def wanted_format(self) -> str | None:
        """The last `f_` of the chain wins."""
        found = [component.format for component in self.components if component.format is not None]
        return found[-1] if found else None

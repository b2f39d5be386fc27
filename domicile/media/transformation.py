"""A transformation: a tuple of components, each a frozen record of what one URL segment asks for.

The canonical text is the cache identity: parsing it gives the same transformation, and building that gives the same
text. What a value means for pixels is decided in `plan.py`; how it is written in a URL, in `params/`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from domicile.media.breakpoints import AutoWidths
from domicile.media.layer import Layer, LayerName


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
    MPAD = "mpad"
    FILL_PAD = "fill_pad"
    AUTO = "auto"
    AUTO_PAD = "auto_pad"


PADDING = frozenset({Crop.PAD, Crop.LPAD, Crop.MPAD, Crop.FILL_PAD, Crop.AUTO_PAD})
"""Modes that may put the picture on a larger ground."""


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
    AUTO = "auto"
    XY_CENTER = "xy_center"
    FACE = "face"
    FACES = "faces"
    FACE_CENTER = "face:center"
    FACES_CENTER = "faces:center"
    FACE_AUTO = "face:auto"
    FACES_AUTO = "faces:auto"
    CUSTOM = "custom"
    CUSTOM_FACE = "custom:face"
    CUSTOM_FACES = "custom:faces"


class Focal(StrEnum):
    """What automatic gravity favours, when it is not all faces (and only the stored coordinates where there are some)."""

    FACE = "face"
    NONE = "none"
    """Nothing, not even stored coordinates."""
    CUSTOM_NO_OVERRIDE = "custom_no_override"
    """Faces, and stored coordinates beside them."""


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
class AutoColor:
    """The most common colour of the picture's "border", or the "predominant" one of all of it."""

    kind: str


@dataclass(frozen=True, slots=True)
class Blurred:
    """The picture itself, enlarged and blurred, on what padding adds. None takes the defaults."""

    intensity: int | None = None
    brightness: int | None = None


Background = Color | AutoColor | Blurred


@dataclass(frozen=True, slots=True)
class Border:
    """A line around the picture, in pixels."""

    width: int
    color: Color


@dataclass(frozen=True, slots=True)
class Quality:
    """`q_80` is level 80; `q_auto` is a level of None with auto "good", `q_auto:eco` with "eco". `chroma` is "", "420" or "444"."""

    level: int | None
    auto: str = ""
    chroma: str = ""
    is_sensitive: bool = False
    """`q_auto:sensitive`: a higher score is asked for."""


@dataclass(frozen=True, slots=True)
class Effect:
    """An effect and its strength; None takes the effect's default."""

    name: str
    strength: int | None = None
    mode: str = ""
    """The word before the strength, for effects that come in kinds."""
    blur: int | None = None
    """What an outline has after its width."""
    colors: tuple[tuple[Color, int | None], ...] = ()
    """Colours from dark to light, each with its place in percent or None."""


@dataclass(frozen=True, slots=True)
class Radii:
    """Corner radii in CSS order (top-left, top-right, bottom-right, bottom-left), pixels; or `max` for an ellipse."""

    corners: tuple[int, int, int, int] = (0, 0, 0, 0)
    is_max: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One segment between slashes. None (or empty) means: not asked for."""

    width: Size | None = None
    widths: AutoWidths | None = None
    """In place of a width: one of those that a search finds."""
    height: Size | None = None
    aspect: float | None = None
    crop: Crop | None = None
    gravity: Gravity | None = None
    focal: Focal | None = None
    """What automatic gravity favours; only beside Gravity.AUTO. None: faces."""
    aggressiveness: int | None = None
    """How close automatic gravity comes, 0 to 100; only beside Gravity.AUTO."""
    x: Size | None = None
    y: Size | None = None
    zoom: float | None = None
    """How near a crop by faces comes; 1 when not asked for."""
    dpr: float | None = None
    angles: tuple[int | str, ...] = ()
    """Degrees clockwise (0 to 359) or a word of params/shape.py, in order."""
    radii: Radii | None = None
    effect: Effect | None = None
    color: Color | None = None
    """What `co_` names, for effects that paint."""
    border: Border | None = None
    opacity: int | None = None
    background: Background | None = None
    quality: Quality | None = None
    color_space: str | None = None
    """A word of params/space.py."""
    format: str | None = None
    """"jpg", "png", "webp", "avif", "gif" or "auto"."""
    page: int | None = None
    """Of a document, or the frame of an animation, counted from 1."""
    density: int | None = None
    """Pixels an inch in which the pages of a document are drawn."""
    flags: frozenset[str] = frozenset()
    """As written after `fl_`; `progressive` may be "progressive:semi", "progressive:steep" or "progressive:none"."""
    attachment_name: str | None = None
    """Decoded; only beside the flag "attachment"."""
    default_image: str | None = None
    """Decoded, perhaps with an extension: the picture that stands in for one that does not exist."""
    layer: Layer | None = None
    """What this component lays over or under the picture, or begins to: see layers.py."""

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

    @property
    def page(self) -> int | None:
        """The last `pg_` of the chain wins."""
        found = [component.page for component in self.components if component.page is not None]
        return found[-1] if found else None

    @property
    def color_space(self) -> str | None:
        """The last `cs_` of the chain wins."""
        found = [component.color_space for component in self.components if component.color_space is not None]
        return found[-1] if found else None

    @property
    def density(self) -> int | None:
        """The last `dn_` of the chain wins."""
        found = [component.density for component in self.components if component.density is not None]
        return found[-1] if found else None

    @property
    def layers(self) -> tuple[LayerName, ...]:
        """The pictures that its layers show, each once, in the order in which they first appear."""
        found = (component.layer.content for component in self.components if component.layer is not None)
        return tuple(dict.fromkeys(content for content in found if isinstance(content, LayerName)))

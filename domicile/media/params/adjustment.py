"""Effects that adjust colours and transparency.

    adjustment = leveled [":" level] / plain / "improve" [":" ("outdoor" / "indoor")] [":" level] / tint / trim / outline / blend
    outline    = "outline" [":" ("outer" / "inner")] [":" width [":" blur]]      ; pixels, and 0 to 2000
    blend      = "multiply" / "screen" / "overlay" / "mask"        ; of a layer, with the picture
    trim       = "trim" [":" level [":" color]]
    tint       = "tint" [":equalize"] [":" level] *8(":" color [":" place])
    place      = integer "p"                            ; percent, from dark to light

What each level means is decided in imaging/steps; ranges stand in LEVELS. `improve:outdoor` is written back as `improve`,
`outline:outer` as `outline`. Not yet: `outline:fill`, `outline:inner_fill`.
Source: cloudinary-compat 3.4; what is not documented: docs/adr/0005.
"""

from __future__ import annotations

from domicile.media.params.base import Malformed, read_integer, read_signed
from domicile.media.params.color import read_color, write_color
from domicile.media.transformation import Color, Effect

PERCENT = 100
LEVELS = {
    "sepia": (1, PERCENT),
    "brightness": (-99, PERCENT),
    "contrast": (-PERCENT, PERCENT),
    "saturation": (-PERCENT, PERCENT),
    "hue": (-PERCENT, PERCENT),
    "gamma": (-50, 150),
    "colorize": (0, PERCENT),
    "blackwhite": (0, PERCENT),
    "vignette": (0, PERCENT),
    "auto_brightness": (0, PERCENT),
    "auto_contrast": (0, PERCENT),
    "auto_color": (0, PERCENT),
    "improve": (0, PERCENT),
    "tint": (0, PERCENT),
    "opacity_threshold": (1, PERCENT),
    "make_transparent": (0, PERCENT),
    "unsharp_mask": (1, 2000),
    "oil_paint": (0, PERCENT),
    "trim": (0, PERCENT),
    "shadow": (0, PERCENT),
    "outline": (1, PERCENT),
}
"""Lowest and highest level."""
BLENDS = frozenset({"multiply", "screen", "overlay", "mask"})
"""How a layer and the picture become one."""
PLAIN = frozenset({"negate"}) | BLENDS
"""Effects without a level."""
MODES = {
    "improve": frozenset({"outdoor", "indoor"}),
    "tint": frozenset({"equalize"}),
    "outline": frozenset({"outer", "inner"}),
}
MODE_DEFAULTS = {"improve": "outdoor", "outline": "outer"}
"""Not written back."""
OPENS_HOLES = frozenset({"make_transparent", "shadow", "outline"})
"""Effects that may make an opaque picture transparent somewhere."""
HEAVY = frozenset({"oil_paint"})
"""Effects that hold several copies of the picture at a time."""
BLUR_MAX = 2000
COLORS_MAX = {"tint": 8, "trim": 1}
PARTS_MAX = 32


def read_adjustment(name: str, text: str | None) -> Effect:
    """The effect of that name; `text` is what follows its colon, None without one."""
    if name not in LEVELS and name not in PLAIN:
        raise Malformed
    parts = [] if text is None else text.split(":", maxsplit=PARTS_MAX)
    mode = parts.pop(0) if parts and parts[0] in MODES.get(name, ()) else ""
    strength = None
    if parts and name in LEVELS and not (name == "tint" and parts[0][:1].isalpha()):
        low, high = LEVELS[name]
        strength = read_signed(parts.pop(0), low=low, high=high)
    blur = None
    if parts and strength is not None and name == "outline":
        blur = read_integer(parts.pop(0), low=0, high=BLUR_MAX)
    colors = _read_colors(parts, COLORS_MAX.get(name, 0))
    if parts or (name == "trim" and any(place is not None for _, place in colors)):
        raise Malformed
    return Effect(name, strength, "" if mode == MODE_DEFAULTS.get(name) else mode, blur or None, colors)


def _read_colors(parts: list[str], colors_max: int) -> tuple[tuple[Color, int | None], ...]:
    """Takes the parts that it read."""
    colors: list[tuple[Color, int | None]] = []
    while parts and len(colors) < colors_max:
        text = parts.pop(0)
        color = read_color(f"rgb:{parts.pop(0)}" if text == "rgb" and parts else text)
        place = None
        if parts and parts[0].endswith("p") and parts[0][:1].isdigit():
            place = read_integer(parts.pop(0).removesuffix("p"), low=0, high=PERCENT)
        colors.append((color, place))
    return tuple(colors)


def write_effect(effect: Effect) -> str:
    """The text after `e_`, of any effect."""
    parts = [effect.name]
    if effect.mode:
        parts.append(effect.mode)
    if effect.strength is not None:
        parts.append(str(effect.strength))
    if effect.blur is not None:
        parts.append(str(effect.blur))
    for color, place in effect.colors:
        parts.append(write_color(color))
        if place is not None:
            parts.append(f"{place}p")
    return ":".join(parts)

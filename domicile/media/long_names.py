"""Transformations as the Admin API tells them: one object a component, with the names that SDKs have for parameters. Pure.

Whoever reads them reads more names than are written here, and lists where SDKs give one: other servers write those, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from domicile.media.errors import BadRequest

LONG_NAMES = {
    "a": "angle", "ar": "aspect_ratio", "b": "background", "c": "crop", "dpr": "dpr", "e": "effect", "f": "fetch_format",
    "fl": "flags", "g": "gravity", "h": "height", "if": "if", "l": "overlay", "o": "opacity", "q": "quality", "r": "radius", "u": "underlay", "w": "width",
    "x": "x", "y": "y",
}  # fmt: skip
"""What is written, by key; others stand under their key."""
SHORT_NAMES = {long: short for short, long in LONG_NAMES.items()} | {
    "border": "bo", "color": "co", "color_space": "cs", "default_image": "d", "density": "dn", "delay": "dl", "page": "pg",
    "prefix": "p", "zoom": "z",
}  # fmt: skip
"""What is read; others are keys."""
_COLORS = frozenset({"background", "color"})


def info_of(text: str) -> list[dict[str, Any]]:
    """One object a component, with numbers as numbers.

    >>> info_of("c_fill,w_100/e_blur:300")
    [{'crop': 'fill', 'width': 100}, {'effect': 'blur:300'}]
    """
    return [dict(map(_pair, component.split(","))) for component in text.split("/")]


def _pair(part: str) -> tuple[str, Any]:
    key, _, value = part.partition("_")
    return LONG_NAMES.get(key, key), int(value) if value.isdigit() else value


def text_of(info: Any) -> str:
    """The transformation that is told so; a text is one already. Raises BadRequest for what nobody tells.

    >>> text_of([{"width": 100, "crop": "fill", "if": "w_gt_100"}, {"flags": ["lossy", "progressive"], "background": "#fff"}])
    'if_w_gt_100,c_fill,w_100/b_rgb:fff,fl_lossy.progressive'
    >>> text_of(info_of("$a_2,w_$a_mul_50/l_text:Arial_20:hi%2C,g_south"))
    '$a_2,w_$a_mul_50/g_south,l_text:Arial_20:hi%2C'
    """
    if isinstance(info, str):
        return info
    components = info if isinstance(info, list) else [info]
    return "/".join(map(_component, components))


def _component(told: Any) -> str:
    if isinstance(told, str):
        return told
    if not isinstance(told, Mapping) or not told:
        raise BadRequest("a transformation that cannot be read")
    rest = dict(told)
    raw = rest.pop("raw_transformation", None)
    variables = rest.pop("variables", ())
    parts = [_part(name, value) for name, value in rest.items()]
    parts += [_part(name, value) for name, value in variables]
    ordered = sorted(parts, key=lambda part: (not part.startswith("if_"), not part.startswith("$"), part))
    return ",".join([*ordered, *([raw] if raw else [])])


def _part(name: str, value: Any) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str) and name in {"flags", "transformation"}:
        value = ".".join(map(str, value))
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise BadRequest(f"a transformation that cannot be read, at {name[:64]}")
    text = str(value)
    if name in _COLORS and text.startswith("#"):
        text = f"rgb:{text[1:]}"
    if name == "transformation":
        return f"t_{text.removeprefix('t_')}"
    return f"{SHORT_NAMES.get(name, name)}_{text}"

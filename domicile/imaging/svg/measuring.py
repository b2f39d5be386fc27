"""How large an SVG is, in pixels: its own width and height, else its viewBox, else what CSS gives a picture without a size."""

from __future__ import annotations

import math
import re

from domicile.imaging.svg.reading import Node

PIXELS = {
    "": 1.0,
    "px": 1.0,
    "pt": 4 / 3,
    "pc": 16.0,
    "in": 96.0,
    "cm": 96 / 2.54,
    "mm": 96 / 25.4,
    "em": 16.0,
    "ex": 8.0,
}
"""CSS Values 3, 6.2; `em` and `ex` of a font of 16 pixels."""
LENGTH = re.compile(r"\+?((?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?)([a-z]*)")
NUMBER = re.compile(r"[+-]?[0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]{1,3})?")
WITHOUT_SIZE = (300.0, 150.0)
"""CSS 2.2, 10.3.2."""
SIDE_MAX = 1e9
"""What is larger is told as this; the limits refuse it."""

ViewBox = tuple[float, float, float, float]
"""Left, top, width, height in the drawing's own units."""


def view_box(root: Node) -> ViewBox | None:
    numbers = [float(found) for found in NUMBER.findall(root.attributes.get("viewBox", ""))[:5]]
    if len(numbers) != 4 or not all(map(math.isfinite, numbers)) or min(numbers[2:]) <= 0:
        return None
    return numbers[0], numbers[1], numbers[2], numbers[3]


def size_of(root: Node) -> tuple[float, float]:
    """Width and height. A percentage is of nothing here, and counts as absent."""
    width, height, box = _length(root, "width"), _length(root, "height"), view_box(root)
    if width is None and height is None:
        return (box[2], box[3]) if box else WITHOUT_SIZE
    ratio = box[2] / box[3] if box else WITHOUT_SIZE[0] / WITHOUT_SIZE[1]
    if width is None:
        assert height is not None
        return min(height * ratio, SIDE_MAX), height
    return width, min(width / ratio, SIDE_MAX) if height is None else height


def pixels(size: tuple[float, float]) -> tuple[int, int]:
    """Half up, at least one."""
    return max(1, math.floor(size[0] + 0.5)), max(1, math.floor(size[1] + 0.5))


def _length(root: Node, name: str) -> float | None:
    found = LENGTH.fullmatch(root.attributes.get(name, "").strip().lower())
    if found is None or found[2] not in PIXELS:
        return None
    value = float(found[1]) * PIXELS[found[2]]
    return min(value, SIDE_MAX) if value > 0 else None

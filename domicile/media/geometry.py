"""Where pixels go: boxes, proportions, gravity and the eight EXIF orientations. Arithmetic only.

Rules of the file: sizes are computed exactly (`Fraction`) and rounded once, half up, never below one pixel
(`golden_doc_facts.csv`: 46.67 becomes 47). Boxes are (left, top, right, bottom) with the origin at the top left.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from domicile.media.transformation import Gravity

Side = tuple[int, int]
"""Width and height in whole pixels."""
Exact = tuple[Fraction, Fraction]
"""Width and height before rounding."""
Box = tuple[float, float, float, float]
WholeBox = tuple[int, int, int, int]

ORIENTATIONS_THAT_SWAP_SIDES = frozenset({5, 6, 7, 8})


def area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


@dataclass(frozen=True, slots=True)
class Window:
    """A region of a picture and the size that it becomes. Cropping keeps the size of the box, scaling keeps the box."""

    box: Box
    size: Side
    cut: Box | None = None
    """What an earlier crop left over: nothing outside it may show, not even as a neighbour at the edge of the box."""

    @property
    def is_pure_crop(self) -> bool:
        left, top, right, bottom = self.box
        width, height = self.size
        return right - left == width and bottom - top == height and float(left).is_integer() and float(top).is_integer()

    @property
    def alone(self) -> WholeBox | None:
        """The pixels that may be looked at, when they are not all; rounded inwards."""
        box = self.cut or (self.box if self.is_pure_crop else None)
        if box is None:
            return None
        left, top = math.ceil(box[0]), math.ceil(box[1])
        return left, top, max(math.floor(box[2]), left + 1), max(math.floor(box[3]), top + 1)

    def seen_from(self, piece: WholeBox) -> Window:
        """The same window of a picture that is that piece and nothing else."""
        width, height = piece[2] - piece[0], piece[3] - piece[1]
        xs = [min(max(x - piece[0], 0), width) for x in (self.box[0], self.box[2])]
        ys = [min(max(y - piece[1], 0), height) for y in (self.box[1], self.box[3])]
        return Window((xs[0], ys[0], xs[1], ys[1]), self.size)

    def changes(self, source: Side) -> bool:
        """False when the window shows the whole source at its own size."""
        return self.size != source or self.box != (0, 0, *source)


def rounded(value: Fraction) -> int:
    """Half up, at least one pixel."""
    return max(1, (2 * value.numerator + value.denominator) // (2 * value.denominator))


def rounded_size(size: Exact) -> Side:
    return rounded(size[0]), rounded(size[1])


def contained(source: Side, box: Exact, *, at_most: Fraction | None = None, at_least: Fraction | None = None) -> Exact:
    """The source scaled to fit inside the box; the factor held between `at_least` and `at_most`."""
    return _scaled(source, min(box[0] / source[0], box[1] / source[1]), at_most, at_least)


def covering(source: Side, box: Exact, *, at_most: Fraction | None = None) -> Exact:
    """The source scaled until it covers the box."""
    return _scaled(source, max(box[0] / source[0], box[1] / source[1]), at_most, None)


def _scaled(source: Side, factor: Fraction, at_most: Fraction | None, at_least: Fraction | None) -> Exact:
    if at_most is not None:
        factor = min(factor, at_most)
    if at_least is not None:
        factor = max(factor, at_least)
    return source[0] * factor, source[1] * factor


def offset(outer: Exact, inner: Exact, gravity: Gravity, shift: Exact) -> Exact:
    """Where the top-left corner of `inner` stands in `outer`. `shift` pushes away from the named edge, inwards."""
    name = gravity.value
    free_x, free_y = outer[0] - inner[0], outer[1] - inner[1]
    if name.endswith("east"):
        left = free_x - shift[0]
    elif name.endswith("west"):
        left = shift[0]
    else:
        left = free_x / 2 + shift[0]
    if name.startswith("south"):
        top = free_y - shift[1]
    elif name.startswith("north"):
        top = shift[1]
    else:
        top = free_y / 2 + shift[1]
    return Fraction(left), Fraction(top)


def clamped(position: Exact, outer: Exact, inner: Exact) -> Exact:
    """The position moved the least so that `inner`, which is not larger than `outer`, stays within it."""
    return (
        min(max(position[0], Fraction(0)), outer[0] - inner[0]),
        min(max(position[1], Fraction(0)), outer[1] - inner[1]),
    )


def fill_window(source: Side, size: Side, gravity: Gravity, shift: Exact) -> Window:
    """The part of the source that becomes exactly `size`. `shift` is in pixels of the result.

    The same pixels as resizing all of the source (to a whole size that covers) and then cutting `size` out of that: other
    engines do so in two steps, and pictures with fine lines tell the difference.
    """
    outer = covering_whole(source, size)
    return cut_from(source, outer, size, offset(exact(outer), exact(size), gravity, shift))


def covering_whole(source: Side, size: Side) -> Side:
    """The source scaled to whole pixels that cover that size."""
    factor = max(Fraction(size[0], source[0]), Fraction(size[1], source[1]))
    return max(rounded(source[0] * factor), size[0]), max(rounded(source[1] * factor), size[1])


def cut_from(source: Side, outer: Side, size: Side, at: Exact) -> Window:
    """The window that cuts `size` out of the source scaled to `outer`, as near to `at` as it lies within."""
    at = clamped(at, exact(outer), exact(size))
    left, top = at[0].__floor__(), at[1].__floor__()
    x, y = Fraction(source[0], outer[0]), Fraction(source[1], outer[1])
    return Window((float(left * x), float(top * y), float((left + size[0]) * x), float((top + size[1]) * y)), size)


def exact(size: Side) -> Exact:
    return Fraction(size[0]), Fraction(size[1])


def crop_window(source: Side, size: Side, gravity: Gravity, shift: Exact) -> Window | None:
    """A rectangle cut out unscaled and clipped to the source; None when nothing of it lies inside."""
    outer = (Fraction(source[0]), Fraction(source[1]))
    left, top = offset(outer, (Fraction(size[0]), Fraction(size[1])), gravity, shift)
    x, y = left.__floor__(), top.__floor__()
    box = (max(x, 0), max(y, 0), min(x + size[0], source[0]), min(y + size[1], source[1]))
    width, height = box[2] - box[0], box[3] - box[1]
    return Window(box, (width, height)) if width >= 1 and height >= 1 else None


def composed(crop: Window, then: Window, source: Side) -> Window:
    """One window for two steps on a picture of that size: `crop` is a pure crop and `then` looks at its result."""
    x, y = crop.box[0], crop.box[1]
    left, top, right, bottom = then.box
    cut = crop.box if crop.changes(source) and not then.is_pure_crop else None
    return Window((x + left, y + top, x + right, y + bottom), then.size, cut)


def upright_size(stored: Side, orientation: int) -> Side:
    """The displayed size of stored pixels with an EXIF orientation, and the stored size of displayed ones."""
    return (stored[1], stored[0]) if orientation in ORIENTATIONS_THAT_SWAP_SIDES else stored


def stored_window(window: Window, orientation: int, stored: Side) -> Window:
    """The same window in the coordinates of the stored pixels, so that cropping may come before turning upright."""
    cut = None if window.cut is None else stored_box(window.cut, orientation, stored)
    return Window(stored_box(window.box, orientation, stored), upright_size(window.size, orientation), cut)


def stored_box(box: Box, orientation: int, stored: Side) -> Box:
    """The same box in the coordinates of the stored pixels."""
    left, top, right, bottom = box
    first, second = _stored_point(left, top, orientation, stored), _stored_point(right, bottom, orientation, stored)
    xs, ys = sorted((first[0], second[0])), sorted((first[1], second[1]))
    return xs[0], ys[0], xs[1], ys[1]


def _stored_point(x: float, y: float, orientation: int, stored: Side) -> tuple[float, float]:
    """EXIF 2.32, tag 0x0112: which stored point is shown at (x, y)."""
    width, height = stored
    match orientation:
        case 2:
            return width - x, y
        case 3:
            return width - x, height - y
        case 4:
            return x, height - y
        case 5:
            return y, x
        case 6:
            return y, height - x
        case 7:
            return width - y, height - x
        case 8:
            return width - y, x
        case _:
            return x, y

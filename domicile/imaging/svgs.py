"""SVG pixels, drawn by resvg (docs/adr/0019) at the size that is asked for, and SVG itself, clean.

What is drawn is the clean text and never the original: no script, no link to elsewhere, no file, no entity reaches the
renderer. It is drawn straight into the window of the plan, so that a large rendition of a small drawing is sharp.
"""

from __future__ import annotations

import base64
import binascii
import io
from dataclasses import dataclass
from functools import cache
from typing import Any

import resvg
from resvg import usvg

from domicile.imaging.containers import gif, jpeg, png, webp
from domicile.imaging.containers.claims import Claims
from domicile.imaging.guarded import decoding
from domicile.imaging.job import MediaLimits
from domicile.imaging.patched import Image, to_pixels
from domicile.imaging.sniff import sniff
from domicile.imaging.svg.cleaning import Drawing, clean
from domicile.imaging.svg.lettering import lettered
from domicile.imaging.svg.measuring import pixels, size_of, view_box
from domicile.imaging.svg.reading import parse
from domicile.imaging.svg.weighing import Weight, weigh
from domicile.imaging.svg.writing import write
from domicile.imaging.typefaces import FONTS, names
from domicile.media.errors import LimitExceeded, UndecodableMedia
from domicile.media.fonts import ARIMO
from domicile.media.geometry import Side, Window

MODE = "RGBA"
HELD_BYTES = 16
"""A pixel of the result: the canvas, its PNG, and the picture made from that."""
LAYER_BYTES = 4
PASS_PIXELS_MAX = 600_000_000
"""Pixels of the result times passes: some ten seconds of a processor."""
PROOF_SIDE = 512
"""Longer side of the drawing that shows at upload that it can be drawn."""
DATA_PREFIX = "data:image/"
EMBEDDED_MAX = 100
PANIC = "PanicException"
"""What the renderer's language raises, beside exceptions; it has no public name."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A drawing within limits."""

    drawing: Drawing
    weight: Weight
    size: Side
    limits: MediaLimits

    def claims(self, page: int, density: int | None = None) -> Claims:
        """Every drawing may be transparent. It has one page and a size of its own."""
        return Claims(width=self.size[0], height=self.size[1], has_alpha=True, mode=MODE, orientation=1)

    @property
    def text(self) -> bytes:
        """A file of its own, with nothing in it but what draws."""
        return write(self.drawing.root).encode()

    def draw(self, page: int, window: Window, size: Side) -> Image.Image:
        """The window at its size, RGBA. Raises UndecodableMedia and LimitExceeded."""
        self._check_work(window.size)
        root, (width, height) = self.drawing.root, self.size
        box = view_box(root) or (0, 0, *size_of(root))
        text = write(
            lettered(root), width=str(width), height=str(height), viewBox=" ".join(f"{number:.9g}" for number in box)
        )
        left, top, right, bottom = window.box
        x, y = window.size[0] / (right - left), window.size[1] / (bottom - top)
        return _drawn(text, window.size, (x, 0.0, -left * x, 0.0, y, -top * y))

    def check(self) -> None:
        """Draw it once, small. Raises as `draw`."""
        factor = min(1.0, PROOF_SIDE / max(self.size))
        small = max(1, round(self.size[0] * factor)), max(1, round(self.size[1] * factor))
        self.draw(0, Window((0, 0, *self.size), small), self.size)

    def _check_work(self, size: Side) -> None:
        area = size[0] * size[1]
        if area * (HELD_BYTES + LAYER_BYTES * self.weight.layers) > self.limits.working_bytes_max:
            raise LimitExceeded("Image needs more memory than allowed (working_bytes_max)")
        if area * self.weight.passes > PASS_PIXELS_MAX:
            raise LimitExceeded("SVG has too many layers and filters for this size")


def opened(view: memoryview, limits: MediaLimits) -> Opened:
    """Raises UndecodableMedia and LimitExceeded."""
    drawing = clean(parse(view), _Embedded(limits))
    return Opened(drawing, weigh(drawing), pixels(size_of(drawing.root)), limits)


def prepare() -> None:
    """Draw something while files can still be opened."""
    _options()
    _drawn('<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>', (1, 1), (1.0, 0.0, 0.0, 0.0, 1.0, 0.0))


@cache
def _options() -> Any:
    """With the shipped fonts, whose bytes are read here: drawing opens no file."""
    options = usvg.Options.default()
    options.font_family = ARIMO
    for name in names():
        options.load_font_data((FONTS / f"{name}.ttf").read_bytes())
    return options


def _drawn(text: str, size: Side, transform: tuple[float, float, float, float, float, float]) -> Image.Image:
    try:
        tree = usvg.Tree.from_str(text, _options())
        body = resvg.render(tree, transform, bg_size=size, bg_color=(0, 0, 0, 0))
    except BaseException as error:
        if type(error).__name__ != PANIC:
            raise
        raise UndecodableMedia("Invalid image file") from None
    with decoding(), Image.open(io.BytesIO(body), formats=("PNG",)) as image:
        image.load()
        return to_pixels(image.convert(MODE))


class _Embedded:
    """Pictures inside the drawing: of known formats, without metadata, within the limits of one picture together."""

    def __init__(self, limits: MediaLimits) -> None:
        self._limits = limits
        self._pixels = self._count = 0

    def __call__(self, link: str) -> str | None:
        """None for what is not such a picture. Raises LimitExceeded."""
        head, comma, body = link.strip().partition(",")
        if not comma or not head.lower().startswith(DATA_PREFIX) or not head.lower().endswith(";base64"):
            return None
        self._count += 1
        if self._count > EMBEDDED_MAX:
            raise LimitExceeded(f"Maximum number of pictures in an SVG is {EMBEDDED_MAX}")
        try:
            view = memoryview(base64.b64decode("".join(body.split()), validate=True))
            name = sniff(view)
            claims = self._claims(name, view)
            if claims is None:
                return None
            self._pixels += claims.width * claims.height
            stripped = STRIPPERS[name](view)
        except (binascii.Error, UndecodableMedia):
            return None
        if self._pixels > self._limits.source_pixels_max // 4:
            raise LimitExceeded(f"Maximum size of pictures in an SVG is {self._limits.source_pixels_max // 4} pixels")
        return f"data:image/{MIME.get(name, name)};base64,{base64.b64encode(stripped).decode('ascii')}"

    def _claims(self, name: str, view: memoryview) -> Claims | None:
        limits = self._limits
        match name:
            case "jpg":
                return jpeg.read(view)
            case "png":
                return png.read(view, chunks_max=limits.chunks_max, inflated_chunks_max=limits.inflated_chunks_max)
            case "gif":
                return gif.read(view, frames_max=1, comment_bytes_max=limits.metadata_bytes_max)
            case "webp":
                return webp.read(view, chunks_max=limits.chunks_max)
            case _:
                return None


STRIPPERS = {"jpg": jpeg.stripped, "png": png.stripped, "webp": webp.stripped, "gif": gif.stripped}
MIME = {"jpg": "jpeg"}

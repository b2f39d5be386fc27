"""Pages of a PDF, drawn by PDFium (docs/adr/0022) at the size that is asked for, on white.

The build in use has no JavaScript and no XFA; forms are not filled in, files inside are not opened. A page is drawn straight
into the window of the plan, like a drawing.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import pypdfium2 as pdfium
from pypdfium2 import raw

from domicile.imaging.containers.claims import Claims
from domicile.imaging.guarded import decoding
from domicile.imaging.job import MediaLimits
from domicile.imaging.patched import Image, to_pixels
from domicile.media.errors import LimitExceeded, UndecodableMedia
from domicile.media.geometry import Side, Window, rounded
from domicile.media.params.density import DENSITY

POINTS_AN_INCH = 72
PIXEL_BYTES, HELD_BYTES = 4, 12
"""Of PDFium's bitmap; of that, a copy, and the picture made from it."""
WHITE = (255, 255, 255, 255)
PROOF_SIDE, PROVED_PAGES = 256, 20
"""How large, and how many pages from the first, are drawn at upload to show that they can be."""
MODE = "RGB"
EMPTY_PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Count 1/Kids[3 0 R]>>endobj "
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>endobj\ntrailer<</Root 1 0 R>>"
)


@dataclass(frozen=True, slots=True)
class Opened:
    """A document within limits."""

    document: Any
    limits: MediaLimits
    text: bytes = b""
    """Nothing is handed out but pages."""

    def claims(self, page: int, density: int | None = None) -> Claims:
        """Of that page, counted from 0, at so many pixels an inch. Raises UndecodableMedia."""
        with decoding():
            points = self.document.get_page_size(page)
        return Claims(
            width=_pixels(points[0], density or DENSITY),
            height=_pixels(points[1], density or DENSITY),
            frames=len(self.document),
            is_document=True,
            mode=MODE,
            orientation=1,
        )

    def draw(self, page: int, window: Window, size: Side) -> Image.Image:
        """The window, of the page at that size, at its own. Raises UndecodableMedia and LimitExceeded."""
        width, height = window.size
        if width * height * HELD_BYTES > self.limits.working_bytes_max:
            raise LimitExceeded("Image needs more memory than allowed (working_bytes_max)")
        left, top, right, bottom = window.box
        x, y = width / (right - left), height / (bottom - top)
        with decoding():
            loaded = self.document[page]
            try:
                bitmap = pdfium.PdfBitmap.new_native(width, height, raw.FPDFBitmap_BGRx)
                bitmap.fill_rect(WHITE, 0, 0, width, height)
                place = round(-left * x), round(-top * y), max(1, round(size[0] * x)), max(1, round(size[1] * y))
                raw.FPDF_RenderPageBitmap(bitmap, loaded, *place, 0, raw.FPDF_ANNOT)
                pixels = bytes(bitmap.buffer)
                image = Image.frombuffer(MODE, (width, height), pixels, "raw", "BGRX", bitmap.stride, 1)
                bitmap.close()
            finally:
                loaded.close()
            return to_pixels(image)

    def check(self) -> None:
        """Draw its first pages once, small. Raises as `draw`."""
        for page in range(min(len(self.document), PROVED_PAGES)):
            claims = self.claims(page)
            size = claims.width, claims.height
            factor = min(1.0, PROOF_SIDE / max(size))
            small = max(1, round(size[0] * factor)), max(1, round(size[1] * factor))
            self.draw(page, Window((0, 0, *size), small), size)


def opened(view: memoryview, limits: MediaLimits) -> Opened:
    """Raises UndecodableMedia, for what needs a password too, and LimitExceeded."""
    with decoding():
        document = pdfium.PdfDocument(bytes(view))
        pages = len(document)
    if pages < 1:
        raise UndecodableMedia("Invalid image file")
    if pages > limits.frames_max:
        raise LimitExceeded(f"Maximum number of pages is {limits.frames_max}")
    return Opened(document, limits)


def prepare() -> None:
    """Draw something while files can still be opened."""
    opened(memoryview(EMPTY_PDF), MediaLimits()).check()


def _pixels(points: float, density: int) -> int:
    return rounded(Fraction(points).limit_denominator(1000) * density / POINTS_AN_INCH)

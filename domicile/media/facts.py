"""What is known about an original before a transformation is planned. Sizes are as displayed (EXIF orientation applied)."""

from __future__ import annotations

import msgspec

from domicile.media.film import Film

ANIMATED_FORMATS = frozenset({"gif", "webp", "avif", "png"})
"""Formats whose frames are an animation; those of a TIFF are pages."""
STRIP_REVISION = 2
"""Raise when "stripped" comes to mean something else; it stands in the ETag of originals."""


class SourceFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Facts of one uploaded image; the wire carries them, the planner reads them."""

    format: str
    """Lower-case name of the format family: jpg png webp avif gif tiff bmp ico heic pdf svg,
    one of `film.FILM_TYPES`, or raw.
    """
    width: int
    height: int
    """Pixels as displayed: orientations 5 to 8 are already swapped."""
    frames: int
    has_alpha: bool
    orientation: int
    """EXIF orientation 1 to 8; 1 when absent or invalid."""
    body_bytes: int
    md5: str
    """Hex MD5 of the uploaded bytes: Cloudinary's `etag`."""
    loop: int | None = None
    """Times an animation is played; 0 means for ever; None for stills. (A GIF that says "repeat 2" is played 3 times.)"""
    mode: str = ""
    """Pillow mode of the first frame, for diagnostics."""
    film: Film | None = None
    """Of a film or a sound, which has no frames here; width and height are 0 where it has no pictures."""

    @property
    def is_animated(self) -> bool:
        """More than one frame, shown one after the other."""
        return self.frames > 1 and self.format in ANIMATED_FORMATS

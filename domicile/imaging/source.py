"""An original, opened: sniffed, its header read and checked against the limits. No pixel is decoded here."""

from __future__ import annotations

import io
import mmap
from dataclasses import dataclass, replace
from typing import Protocol

from domicile.imaging import heics, pdfs, svgs
from domicile.imaging.containers import avif, bmp, gif, ico, jpeg, png, tiff, webp
from domicile.imaging.containers.claims import ORIENTATION_TAG, ORIENTATIONS, Claims, ViewReader, orientation_of
from domicile.imaging.guarded import decoding
from domicile.imaging.job import MediaLimits
from domicile.imaging.patched import Image, TiffImagePlugin
from domicile.imaging.sniff import PILLOW_NAMES, sniff
from domicile.media.errors import LimitExceeded, UndecodableMedia
from domicile.media.facts import SourceFacts
from domicile.media.geometry import Side, Window, upright_size

Bytes = bytes | mmap.mmap | memoryview
WITH_PILLOW = PILLOW_NAMES.keys() - {"jpg"}
"""Formats of which the plugin knows more than our own reading of the header."""


SAMPLES_WITHOUT_WHITE = {"I": "32-bit or signed", "F": "floating-point"}
"""Pillow's modes of TIFFs that hold measurements rather than pictures."""
BITS_PER_SAMPLE = 258


class Vector(Protocol):
    """Shapes that become pixels at whatever size is asked for."""

    @property
    def text(self) -> bytes:
        """A file of its own, with nothing in it but what draws; empty where none is made."""
        ...

    def claims(self, page: int, density: int | None = None) -> Claims:
        """Of that page, counted from 0, at that density if it has a say. Raises UndecodableMedia."""
        ...

    def draw(self, page: int, window: Window, size: Side) -> Image.Image:
        """The window, of that page at that size, at its own. Raises UndecodableMedia and LimitExceeded."""
        ...

    def check(self) -> None:
        """Draw all of it once, small. Raises as `draw`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The bytes of an original and what its header claims, within limits."""

    view: memoryview
    format: str
    claims: Claims
    orientation: int
    vector: Vector | None = None
    """Of what has no pixels of its own."""
    page: int = 0
    """What is decoded of it, counted from 0, unless it is an animation (`pages.py`)."""

    def facts(self, *, md5: str = "") -> SourceFacts:
        """As displayed. `md5` costs time and is filled in by the probe only."""
        claims = self.claims
        width, height = upright_size((claims.width, claims.height), self.orientation)
        return SourceFacts(
            format=self.format,
            width=width,
            height=height,
            frames=claims.frames,
            has_alpha=claims.has_alpha,
            orientation=self.orientation,
            body_bytes=len(self.view),
            md5=md5,
            loop=claims.loop,
            mode=claims.mode,
        )

    def open_image(self) -> Image.Image:
        """Pillow's image, not decoded yet. Call inside `decoding()`."""
        return Image.open(io.BufferedReader(ViewReader(self.view)), formats=(PILLOW_NAMES[self.format],))


def open_source(source: Bytes, limits: MediaLimits) -> Source:
    """Raises UndecodableMedia and LimitExceeded. Sizes are checked before a decoder may allocate for them."""
    view = memoryview(source).cast("B")
    if len(view) > limits.source_bytes_max:
        raise LimitExceeded(f"File size too large. Maximum is {limits.source_bytes_max} bytes")
    name = sniff(view)
    vector = _vector(view, name, limits)
    claims = vector.claims(0) if vector is not None else _claims(view, name, limits)
    if claims is not None:
        check_claims(claims, limits)
    if claims is None or name in WITH_PILLOW:
        claims = _with_pillow(view, name, claims, limits)
        check_claims(claims, limits)
    return Source(
        view=view,
        format=name,
        claims=claims,
        orientation=claims.orientation or orientation_of(claims.exif),
        vector=vector,
    )


def _vector(view: memoryview, name: str, limits: MediaLimits) -> Vector | None:
    match name:
        case "svg":
            return svgs.opened(view, limits)
        case "pdf":
            return pdfs.opened(view, limits)
        case _:
            return None


def check_claims(claims: Claims, limits: MediaLimits) -> None:
    """Raises LimitExceeded, or UndecodableMedia for an empty picture."""
    if claims.width < 1 or claims.height < 1:
        raise UndecodableMedia("Invalid image file")
    if max(claims.width, claims.height) > limits.side_pixels_max:
        raise LimitExceeded(f"Maximum image width/height is {limits.side_pixels_max}")
    area = claims.width * claims.height
    if area > limits.source_pixels_max:
        raise LimitExceeded(f"Maximum image size is {limits.source_pixels_max} pixels")
    if claims.frames > limits.frames_max:
        raise LimitExceeded(f"Maximum number of frames is {limits.frames_max}")
    if claims.frames > 1 and not claims.is_document and claims.frames * area > limits.animation_pixels_max:
        raise LimitExceeded(f"Maximum total of an animation is {limits.animation_pixels_max} pixels")
    if len(claims.icc) > limits.metadata_bytes_max:
        raise LimitExceeded(f"Maximum size of metadata is {limits.metadata_bytes_max} bytes")
    if claims.scans > limits.scans_max or claims.scans * area > limits.scan_pixels_max:
        raise LimitExceeded(f"Maximum number of scans is {min(limits.scans_max, limits.scan_pixels_max // area)}")
    if claims.extra_bytes > limits.working_bytes_max:
        raise LimitExceeded("Image needs more memory than allowed")


def _claims(view: memoryview, name: str, limits: MediaLimits) -> Claims | None:
    """Our own reading of the header; None for formats whose Pillow plugin opens without allocating, after a look at
    what it would take on trust.
    """
    match name:
        case "jpg":
            return jpeg.read(view)
        case "png":
            return png.read(view, chunks_max=limits.chunks_max, inflated_chunks_max=limits.inflated_chunks_max)
        case "gif":
            return gif.read(view, frames_max=limits.frames_max, comment_bytes_max=limits.metadata_bytes_max)
        case "webp":
            return webp.read(view, chunks_max=limits.chunks_max)
        case "tiff":
            tiff.check(view, frames_max=limits.frames_max, chunks_max=limits.chunks_max)
        case "ico":
            ico.check(view, frames_max=limits.frames_max)
        case "bmp":
            bmp.check(view, rle_pixels_max=limits.rle_pixels_max)
        case "avif" | "heic":
            for width, height in avif.sizes(view, chunks_max=limits.chunks_max):
                check_claims(Claims(width=width, height=height), limits)
            return heics.read(view) if name == "heic" else None
        case _:
            pass
    return None


def _with_pillow(view: memoryview, name: str, claims: Claims | None, limits: MediaLimits) -> Claims:
    """Add what only the plugin knows: mode, transparency, profile."""
    with decoding(), Image.open(io.BufferedReader(ViewReader(view)), formats=(PILLOW_NAMES[name],)) as image:
        check_samples(image)
        orientation = tag_of_orientation(image)
        width, height = upright_size(image.size, orientation)
        frames = claims.frames if claims and name != "png" else _count_frames(image, limits.frames_max)
        profile = image.info.get("icc_profile")
        exif = claims.exif if claims is not None else image.info.get("exif", b"")
        found = Claims(
            width=width,
            height=height,
            frames=frames,
            exif=exif if isinstance(exif, bytes) else b"",
            icc=profile if isinstance(profile, bytes) else b"",
            has_alpha=image.has_transparency_data,
            mode=image.mode,
            orientation=orientation,
        )
    if claims is None:
        return replace(found, loop=0 if found.frames > 1 and name == "avif" else None)
    is_alpha_known = name in {"gif", "webp"}
    return replace(
        found,
        width=max(width, claims.width),
        height=max(height, claims.height),
        loop=claims.loop,
        icc=found.icc or claims.icc,
        has_alpha=claims.has_alpha if is_alpha_known else found.has_alpha,
    )


def check_samples(image: Image.Image) -> None:
    """Raises UndecodableMedia for samples of which nobody says how bright they are: they would come out black."""
    if image.mode in SAMPLES_WITHOUT_WHITE:
        raise UndecodableMedia(f"Unsupported image format: {SAMPLES_WITHOUT_WHITE[image.mode]} samples")
    if isinstance(image, TiffImagePlugin.TiffImageFile) and image.tag_v2.get(BITS_PER_SAMPLE) == (12,):
        raise UndecodableMedia("Unsupported image format: 12-bit samples")


def tag_of_orientation(image: Image.Image) -> int:
    """Of a TIFF, whose size Pillow tells as displayed; 0 for other formats, which have theirs in EXIF."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return 0
    value = image.tag_v2.get(ORIENTATION_TAG, 1)
    return value if value in ORIENTATIONS else 1


def _count_frames(image: Image.Image, frames_max: int) -> int:
    """Pages of a TIFF are a linked list that may be long: count no further than the limit."""
    if image.format != "TIFF":
        return int(getattr(image, "n_frames", 1))
    for number in range(1, frames_max + 1):
        try:
            image.seek(number)
        except EOFError:
            image.seek(0)
            return number
    return frames_max + 1

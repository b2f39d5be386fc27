"""From pixels to bytes. Encoders see pixels only: nothing of the original's metadata can reach an output."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from domicile.imaging.color import in_cmyk
from domicile.imaging.containers.webp import ALPHA_FLAG
from domicile.imaging.patched import Image, ImageFile, to_bytes
from domicile.imaging.present import Frame
from domicile.imaging.quality import encoder_quality
from domicile.imaging.steps.background import on_color
from domicile.media.frame import WHITE
from domicile.media.geometry import Side
from domicile.media.plan import Plan

PILLOW_ENCODERS = {
    "jpg": "JPEG",
    "png": "PNG",
    "webp": "WEBP",
    "avif": "AVIF",
    "gif": "GIF",
    "tiff": "TIFF",
    "bmp": "BMP",
    "ico": "ICO",
}
LOSSY = frozenset({"jpg", "webp", "avif"})
WITHOUT_ALPHA = frozenset({"jpg", "bmp"})
"""A BMP has room for alpha, which few read."""
WEBP_METHOD = 2
LOSSLESS_WEBP: dict[str, Any] = {"lossless": True, "method": WEBP_METHOD}
AVIF_SPEED = 9
PNG_LEVEL, PNG_LEVEL_OF_LARGE = 6, 3
PNG_LARGE_PIXELS = 4_000_000
"""From here on a PNG costs seconds: level 3 takes less than half of level 6 for a fifth more bytes."""
CHROMA = {"": "4:2:0", "420": "4:2:0", "444": "4:4:4"}
PROGRESSIVE_BUFFER_BYTES = 4
"""A pixel, in three samples; untouched pages of the buffer cost nothing."""
ALPHA_THRESHOLD = 128
PALETTE_COLORS = 256
GIF_DISPOSE_TO_BACKGROUND = 2
PLAYED_ONCE = 1
PALETTE_BITS = 8


def can_write(output_format: str) -> bool:
    """Does the installed Pillow have an encoder for it?"""
    Image.init()
    return PILLOW_ENCODERS[output_format] in Image.SAVE


def encode(
    frames: Sequence[Frame], plan: Plan, loop: int | None, number: int | None = None, *, lossless: bool = False
) -> bytes:
    """The frames (one, unless the plan is animated) as a file. `loop`: times played, 0 for ever.

    `number`: the encoder's own, None for what the plan says. `lossless`: a WebP that keeps every pixel.
    """
    pictures = _alike([_bare(frame.image, plan.format) for frame in frames])
    pictures = [to_bytes(_with_bits(picture, plan.png_bits)) for picture in pictures]
    if plan.is_cmyk and plan.format == "jpg":
        pictures = [in_cmyk(picture) for picture in pictures]
    if plan.png_bits == PALETTE_BITS:
        pictures = [_with_palette(picture) for picture in pictures]
    is_transparent = pictures[0].mode == "RGBA"
    options = dict(LOSSLESS_WEBP) if lossless and plan.format == "webp" else _options(plan, number)
    if len(pictures) > 1:
        durations = [frame.duration_ms for frame in frames]
        options |= _animation(plan.format, durations, 0 if loop is None else loop, is_transparent=is_transparent)
        options["append_images"] = pictures[1:]
    body = io.BytesIO()
    with _room_for_scans(pictures[0].size if plan.progressive else (0, 0)):
        pictures[0].save(body, format=PILLOW_ENCODERS[plan.format], **options)
    if plan.format == "webp" and len(pictures) > 1 and is_transparent:
        _flag_alpha(body)
    return body.getvalue()


@contextmanager
def _room_for_scans(size: Side) -> Iterator[None]:
    """Pillow writes a progressive JPEG into one buffer, which it sizes too small for noise at high quality."""
    before = ImageFile.MAXBLOCK
    ImageFile.MAXBLOCK = max(before, PROGRESSIVE_BUFFER_BYTES * size[0] * size[1])
    try:
        yield
    finally:
        ImageFile.MAXBLOCK = before


def _alike(pictures: list[Image.Image]) -> list[Image.Image]:
    """Encoders take the first frame's mode for that of all: one transparent frame makes all RGBA."""
    if len({picture.mode for picture in pictures}) == 1:
        return pictures
    return [picture if picture.mode == "RGBA" else picture.convert("RGBA") for picture in pictures]


def _flag_alpha(webp: io.BytesIO) -> None:
    """Say in the header that the canvas has holes (RFC 9649, 2.7.1).

    libwebp says so only when the bitstream of a frame has; frames that were cut down to an opaque rectangle have not, and
    decoders then paint black around them.
    """
    head = webp.getbuffer()
    if bytes(head[12:16]) == b"VP8X":
        head[20] |= ALPHA_FLAG
    head.release()


def _bare(image: Image.Image, output_format: str) -> Image.Image:
    """In the mode that the format takes, without the notes that Pillow carries along (profile, EXIF, comment, dpi)."""
    if output_format in WITHOUT_ALPHA and image.mode != "RGB":
        image = on_color(image, WHITE)
    if output_format == "gif" and image.mode == "RGBA":
        image = _hard_edged(image)
    image.info.clear()
    return image


def _with_bits(image: Image.Image, bits: int | None) -> Image.Image:
    """A PNG's colours on white, or its colours and alpha."""
    match bits:
        case 24:
            return on_color(image, WHITE)
        case 32:
            return image.convert("RGBA")
        case _:
            return image


def _with_palette(image: Image.Image) -> Image.Image:
    """At most 256 colours, dithered where those are too few. A palette is not carried from one library to another."""
    if image.mode == "RGBA":
        return image.quantize(PALETTE_COLORS, Image.Quantize.FASTOCTREE)
    palette = image.quantize(PALETTE_COLORS, Image.Quantize.MEDIANCUT)
    if image.getcolors(PALETTE_COLORS) is not None:
        return palette
    return image.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)


def _hard_edged(image: Image.Image) -> Image.Image:
    """GIF knows no half transparency."""
    alpha = image.getchannel("A")
    if alpha.getextrema() == (255, 255):
        return image.convert("RGB")
    image = image.copy()
    image.putalpha(alpha.point([255 if value >= ALPHA_THRESHOLD else 0 for value in range(256)]))
    return image


def lossy(picture: Image.Image, output_format: str, number: int, chroma: str) -> bytes:
    """A still picture as jpg, webp or avif, at the encoder's own number: what a probe is, and a rendition that is no more."""
    body = io.BytesIO()
    picture.save(body, format=PILLOW_ENCODERS[output_format], **_lossy_options(output_format, number, chroma))
    return body.getvalue()


def _lossy_options(output_format: str, number: int, chroma: str) -> dict[str, Any]:
    match output_format:
        case "webp":
            return {"quality": number, "method": WEBP_METHOD}
        case "avif":
            return {"quality": number, "speed": AVIF_SPEED, "subsampling": CHROMA[chroma]}
        case _:
            return {"quality": number, "subsampling": CHROMA[chroma]}


def _options(plan: Plan, number: int | None) -> dict[str, Any]:
    quality = encoder_quality(plan.quality, plan.format, untouched=plan.untouched) if number is None else number
    chroma = plan.quality.chroma if plan.quality is not None else "444" if plan.untouched else ""
    match plan.format:
        case "jpg":
            return {**_lossy_options("jpg", quality, chroma), "progressive": plan.progressive}
        case "webp" | "avif":
            return _lossy_options(plan.format, quality, chroma)
        case "png":
            is_large = plan.size[0] * plan.size[1] >= PNG_LARGE_PIXELS
            return {"compress_level": PNG_LEVEL_OF_LARGE if is_large else PNG_LEVEL}
        case "tiff":
            return {"compression": "tiff_adobe_deflate"}
        case "ico":
            return {"sizes": [plan.size]}  # one picture, at its size
        case _:
            return {}


def _animation(output_format: str, durations: list[int], loop: int, *, is_transparent: bool) -> dict[str, Any]:
    options: dict[str, Any] = {"save_all": True, "duration": durations}
    if output_format == "gif":
        if is_transparent:
            # A GIF paints over what was there: without this the holes of a frame show the frame before.
            options["disposal"] = GIF_DISPOSE_TO_BACKGROUND
        # GIF counts repeats, everybody else plays; played once is written by saying nothing.
        if loop != PLAYED_ONCE:
            options["loop"] = max(loop - 1, 0)
    elif output_format in {"webp", "png"}:
        options["loop"] = loop
    return options

"""From pixels to bytes. Encoders see pixels only: nothing of the original's metadata can reach an output."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from PIL import Image

from domicile.imaging.patched import to_bytes
from domicile.imaging.present import Frame
from domicile.imaging.quality import encoder_quality
from domicile.imaging.steps.background import on_color
from domicile.media.frame import WHITE
from domicile.media.plan import Plan

CONTENT_TYPES = {
    "jpg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "avif": "image/avif",
    "gif": "image/gif",
}
PILLOW_ENCODERS = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP", "avif": "AVIF", "gif": "GIF"}
WEBP_METHOD = 2
AVIF_SPEED = 9
PNG_LEVEL = 6
CHROMA = {"": "4:2:0", "420": "4:2:0", "444": "4:4:4"}
ALPHA_THRESHOLD = 128
GIF_COLORS = 256
GIF_DISPOSE_TO_BACKGROUND = 2
PLAYED_ONCE = 1


def encode(frames: Sequence[Frame], plan: Plan, loop: int | None) -> bytes:
    """The frames (one, unless the plan is animated) as a file. `loop`: times played, 0 for ever."""
    pictures = [to_bytes(_bare(frame.image, plan.format)) for frame in frames]
    options = _options(plan)
    if len(pictures) > 1:
        durations = [frame.duration_ms for frame in frames]
        options |= _animation(plan.format, durations, 0 if loop is None else loop)
        options["append_images"] = pictures[1:]
    body = io.BytesIO()
    pictures[0].save(body, format=PILLOW_ENCODERS[plan.format], **options)
    return body.getvalue()


def _bare(image: Image.Image, output_format: str) -> Image.Image:
    """In the mode that the format takes, without the notes that Pillow carries along (profile, EXIF, comment, dpi)."""
    if output_format == "jpg" and image.mode != "RGB":
        image = on_color(image, WHITE)
    if output_format == "gif" and image.mode == "RGBA":
        image = _hard_edged(image)
    image.info.clear()
    return image


def _hard_edged(image: Image.Image) -> Image.Image:
    """GIF knows no half transparency."""
    alpha = image.getchannel("A")
    if alpha.getextrema() == (255, 255):
        return image.convert("RGB")
    image = image.copy()
    image.putalpha(alpha.point([255 if value >= ALPHA_THRESHOLD else 0 for value in range(256)]))
    return image


def _options(plan: Plan) -> dict[str, Any]:
    quality = encoder_quality(plan.quality, plan.format, untouched=plan.untouched)
    chroma = plan.quality.chroma if plan.quality is not None else "444" if plan.untouched else ""
    match plan.format:
        case "jpg":
            return {"quality": quality, "subsampling": CHROMA[chroma], "progressive": plan.progressive}
        case "webp":
            return {"quality": quality, "method": WEBP_METHOD}
        case "avif":
            return {"quality": quality, "speed": AVIF_SPEED, "subsampling": CHROMA[chroma]}
        case "png":
            return {"compress_level": PNG_LEVEL}
        case _:
            return {}


def _animation(output_format: str, durations: list[int], loop: int) -> dict[str, Any]:
    options: dict[str, Any] = {"save_all": True, "duration": durations}
    if output_format == "gif":
        # GIF counts repeats, everybody else plays; played once is written by saying nothing.
        if loop != PLAYED_ONCE:
            options["loop"] = max(loop - 1, 0)
    elif output_format in {"webp", "png"}:
        options["loop"] = loop
    return options

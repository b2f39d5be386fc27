"""`responsive_breakpoints` of uploads and `explicit`: read, measured by real encodings behind the walls, told with URLs.

Nothing is stored, with `create_derived` or without: renditions live at edges, and are made when they are asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from domicile.imaging.job import MediaLimits
from domicile.media.asset import IMAGE_EXTENSIONS
from domicile.media.breakpoints import DEFAULTS, IMAGES_MAX, STEP_BYTES_MIN, WIDTH_MAX, Breakpoints
from domicile.media.errors import BadRequest
from domicile.media.grammar import build_transformation, parse_transformation
from domicile.service.breakpoints import Measured
from domicile.service.breakpoints import measured as search
from domicile.service.pool_values import Rendered
from origin.api.answers import Address
from origin.api.params import Params
from origin.delivery_url import delivery_url
from origin.keys import Origin
from origin.records import AssetRecord
from origin.renders import Picture, Shown, render

NAME = "responsive_breakpoints"
REQUESTS_MAX = 3
"""Searches of one call."""


class _Item(msgspec.Struct, forbid_unknown_fields=True):
    """As SDKs write it."""

    create_derived: bool = False
    transformation: str = ""
    format: str = ""
    bytes_step: int = DEFAULTS.step_bytes
    min_width: int = DEFAULTS.min_width
    max_width: int = DEFAULTS.max_width
    max_images: int = DEFAULTS.images_max


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One search, checked."""

    transformation: str
    """Canonical."""
    extension: str | None
    asked: Breakpoints


Found = tuple[tuple[Wanted, tuple[Measured, ...]], ...]


def wanted(params: Params, limits: MediaLimits) -> tuple[Wanted, ...]:
    """Raises BadRequest, and BadTransformation for a transformation that is not understood."""
    text = params.text(NAME)
    if not text:
        return ()
    try:
        items = msgspec.json.decode(text, type=list[_Item] | _Item, strict=False)
    except (msgspec.MsgspecError, RecursionError) as bad:
        raise BadRequest(f"Invalid value for parameter {NAME}: must be a list of objects of known settings") from bad
    items = items if isinstance(items, list) else [items]
    if len(items) > REQUESTS_MAX:
        raise BadRequest(f"Invalid value for parameter {NAME}: at most {REQUESTS_MAX}")
    return tuple(_checked(item, limits) for item in items)


def _checked(item: _Item, limits: MediaLimits) -> Wanted:
    bounds = {
        "bytes_step": (STEP_BYTES_MIN, 2**31),
        "min_width": (1, WIDTH_MAX),
        "max_width": (item.min_width, WIDTH_MAX),
        "max_images": (1, 200),
    }
    for name, (low, high) in bounds.items():
        if not low <= getattr(item, name) <= high:
            raise BadRequest(f"Invalid value for parameter {NAME}: {name} must be {low} to {high}")
    if item.format and item.format.lower() not in IMAGE_EXTENSIONS:
        raise BadRequest(f"Invalid value for parameter {NAME}: format")
    asked = Breakpoints(
        min_width=item.min_width,
        max_width=item.max_width,
        step_bytes=item.bytes_step,
        images_max=min(item.max_images, IMAGES_MAX),
    )
    return Wanted(
        transformation=build_transformation(parse_transformation(item.transformation, limits)),
        extension=IMAGE_EXTENSIONS[item.format.lower()] if item.format else None,
        asked=asked,
    )


async def measured(origin: Origin, picture: Picture, searches: tuple[Wanted, ...]) -> Found:
    """Raises as rendering does."""
    return tuple([(one, await _searched(origin, picture, one)) for one in searches])


async def _searched(origin: Origin, picture: Picture, one: Wanted) -> tuple[Measured, ...]:
    async def encode(width: int | None) -> Rendered:
        text = _joined(one.transformation, "" if width is None else scaled(width))
        return await render(origin, picture, Shown(text=text, extension=one.extension or picture.facts.format))

    return await search(one.asked, encode)


def scaled(width: int) -> str:
    return f"c_scale,w_{width}"


def _joined(*components: str) -> str:
    return "/".join(part for part in components if part)


def told(found: Found, record: AssetRecord, address: Address) -> dict[str, Any]:
    """The field of the answer; nothing where nothing was asked."""
    if not found:
        return {}
    return {
        NAME: [
            {
                "breakpoints": [_breakpoint(one, each, record, address) for each in chosen],
                **({"transformation": one.transformation} if one.transformation else {}),
            }
            for one, chosen in found
        ]
    }


def _breakpoint(one: Wanted, each: Measured, record: AssetRecord, address: Address) -> dict[str, Any]:
    def url(base: str) -> str:
        return delivery_url(
            base,
            record.name,
            version=record.version,
            extension=one.extension or record.facts.format,
            api_secret=address.url_secret,
            transformation=_joined(one.transformation, scaled(each.width)),
        )

    return {
        "width": each.width,
        "height": each.height,
        "bytes": each.body_bytes,
        "url": url(address.base),
        "secure_url": url(address.secure_base),
    }

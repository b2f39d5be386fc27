"""An original that was not asked to change, without its metadata and, where the container allows it, without loss."""

from __future__ import annotations

from collections.abc import Callable

from domicile.imaging.color import ToSrgb
from domicile.imaging.containers import gif, jpeg, png, webp
from domicile.imaging.decode import decode_all
from domicile.imaging.job import MediaLimits
from domicile.imaging.source import Source
from domicile.media.plan import Plan

STRIPPERS: dict[str, Callable[[memoryview], bytes]] = {
    "jpg": jpeg.stripped,
    "png": png.stripped,
    "webp": webp.stripped,
    "gif": gif.stripped,
}
UPRIGHT = 1


def can_copy(source: Source, plan: Plan) -> bool:
    """Upright already, in colours that need no profile, in a container that we can cut. Otherwise it is re-encoded."""
    return (
        plan.untouched
        and plan.orientation == UPRIGHT
        and source.format in STRIPPERS
        and source.claims.mode != "CMYK"
        and ToSrgb(source.claims.icc).is_identity
    )


def copied(source: Source, limits: MediaLimits) -> bytes:
    """The stripped file. All of it is decoded once first: what is damaged is refused, not passed on."""
    decode_all(source, limits)
    return STRIPPERS[source.format](source.view)

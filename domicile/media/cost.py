"""What a rendition will cost a decoder, by estimate, before anything is decoded: the pixels that it must handle.

Enough to serve clouds in turn, and to bound what is in work at once; the limits of `plan.py` judge, not this.
"""

from __future__ import annotations

from collections.abc import Iterable

from domicile.media.errors import MediaError
from domicile.media.facts import SourceFacts
from domicile.media.grammar import parse_transformation
from domicile.media.layers import nested
from domicile.media.outline import make_outline
from domicile.media.plan import is_animated
from domicile.media.stage import PlanLimits
from domicile.media.transformation import Component, Transformation

PIXELS_MIN = 250_000
"""The smallest picture takes a decoder as long as this many pixels: its start, the copies, the messages."""
PIXELS_PER_BYTE = 4
"""Of a file that nobody has opened yet: what a camera's JPEG comes to."""
ANIMATED = "webp"
"""The format to think of where the URL leaves it open: one that keeps an animation."""


def pixels_of(
    transformation: str,
    facts: SourceFacts,
    extension: str | None,
    limits: PlanLimits,
    layers: Iterable[SourceFacts] = (),
) -> int:
    """Pixels of the original and of the largest step, of all frames where the rendition may be animated, and of the
    pictures that are laid over it.

    `transformation` is canonical text. Never raises: what cannot be planned is refused by whoever plans it, and costs
    until then what it takes to open it.
    """
    area, frames = facts.width * facts.height, facts.frames if facts.is_animated else 1
    try:
        asked = parse_transformation(transformation)
        frames = facts.frames if is_animated(facts, extension or ANIMATED, asked.flags) else 1
        parts = nested(asked.components)
        own = Transformation(tuple(part for part in parts if isinstance(part, Component)))
        area += max((stage.area for stage in make_outline(own, facts, limits).stages), default=0)
    except MediaError:
        pass
    return max(PIXELS_MIN, area * frames + sum(layer.width * layer.height for layer in layers))


def pixels_of_bytes(body_bytes: int, pixels_max: int) -> int:
    """Of a file that was not opened: by its length alone, at most what would be let pass."""
    return max(PIXELS_MIN, min(body_bytes * PIXELS_PER_BYTE, pixels_max))

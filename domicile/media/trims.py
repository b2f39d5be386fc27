"""Trimming, as far as it can be decided without a pixel: what comes before, and what has to wait.

How much a trim takes away is known when the pixels are there, so a chain is planned in parts: each but the last ends with
a trim, and the next is planned for what that left. A component that trims and does more is cut in two: corners, border,
background and opacity belong to the trimmed picture.
"""

from __future__ import annotations

from dataclasses import replace

from domicile.media.params.flags import ANIMATED
from domicile.media.transformation import PADDING, Blurred, Component, Effect, Transformation

TRIM = "trim"


def parts_of(transformation: Transformation) -> tuple[Transformation, ...]:
    """The parts. What counts for the whole chain wherever it is said, is said in each of them."""
    components = transformation.components
    if not is_trimmed(transformation):
        return (transformation,)
    parts: list[list[Component]] = [[_common(components)]]
    for component in components:
        own = replace(component, dpr=None)
        if _trim_of(component) is None:
            parts[-1].append(own)
            continue
        ground = own.background if own.crop in PADDING else None
        parts[-1].append(replace(own, radii=None, border=None, background=ground, opacity=None))
        parts.append([_common(components), _afterwards(own)])
    return tuple(Transformation(tuple(part)) for part in parts)


def is_trimmed(transformation: Transformation) -> bool:
    """Is its size known only when the pixels are there?"""
    return any(map(_trim_of, transformation.components))


def trim_at_end(part: Transformation) -> Effect | None:
    """The trim that ends the part."""
    return _trim_of(part.components[-1]) if part.components else None


def _trim_of(component: Component) -> Effect | None:
    return component.effect if component.effect is not None and component.effect.name == TRIM else None


def _common(components: tuple[Component, ...]) -> Component:
    """Density, orientation, and whether it moves: what the last word, or any, says for all."""
    densities = [component.dpr for component in components if component.dpr is not None]
    stored = any("ignore" in component.angles for component in components)
    moving = Transformation(components).flags & ANIMATED
    return Component(dpr=densities[-1] if densities else None, angles=("ignore",) if stored else (), flags=moving)


def _afterwards(component: Component) -> Component:
    ground = None if isinstance(component.background, Blurred) else component.background
    return Component(radii=component.radii, border=component.border, background=ground, opacity=component.opacity)

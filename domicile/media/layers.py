"""Layers in a row of components: where each begins, where it ends, what is done to it, and what says where it goes.

    l_logo / w_100 / e_sepia / fl_layer_apply,g_north     from `l_` to the `fl_layer_apply` that closes it
    l_logo,w_100,g_north                                  without one: a component by itself, applied at once

They nest like brackets: `fl_layer_apply` closes what was opened last. Gravity, offsets, blend modes and the flags of layers
say how it is placed; everything else that stands with them is done to the layer before. Beside the `l_` of a layer that
is closed later, a gravity belongs to a crop if there is one, and else to the placing.
Source: cloudinary-compat 3.1; what is not documented: docs/adr/0005.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from domicile.media.errors import BadTransformation, LimitExceeded
from domicile.media.layer import Layer
from domicile.media.params.adjustment import BLENDS
from domicile.media.params.flags import OF_LAYERS
from domicile.media.text import TextLayer, check_text
from domicile.media.transformation import Component

APPLY = "layer_apply"
MEASURING = frozenset({"relative", "region_relative"})
"""Flags that speak of the sizes in their component, and where a layer is placed, of all its sizes."""
SIZE_STAYS = frozenset({"no_overflow", "tiled", "cutter"})
"""Flags with which a layer never makes the picture larger."""
WHERE = ("gravity", "focal", "aggressiveness", "x", "y")
PLACING = OF_LAYERS - MEASURING - {"text_no_trim"}


class LayerLimits(Protocol):
    """What is asked of the grammar's limits."""

    @property
    def layers_max(self) -> int: ...

    @property
    def nesting_max(self) -> int: ...

    @property
    def text_chars_max(self) -> int: ...

    @property
    def font_size_max(self) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlaid:
    """One layer and all that belongs to it."""

    layer: Layer
    parts: tuple[Part, ...]
    """What is done to it, in order; the first is what stands beside its `l_`."""
    placing: Component
    """Gravity, offsets, blend mode and flags; nothing else."""


Part = Component | Overlaid


def check_layers(components: Sequence[Component], limits: LayerLimits) -> None:
    """Raises LimitExceeded for too many layers, or too deep inside each other; BadTransformation as `nested`."""
    count_layers(components, limits)
    if _depth(nested(components)) > limits.nesting_max:
        raise LimitExceeded(f"Layers are nested too deeply - at most {limits.nesting_max} are allowed")


def count_layers(components: Iterable[Component], limits: LayerLimits) -> None:
    """Raise LimitExceeded for more than `layers_max` layers, each counted as often as it is shown, and for long texts."""
    layers = [component.layer for component in components if component.layer is not None]
    if len(layers) > limits.layers_max:
        raise LimitExceeded(f"Too many layers - at most {limits.layers_max} are allowed")
    for layer in layers:
        if isinstance(layer.content, TextLayer):
            check_text(layer.content, limits)


def has_layers(components: Iterable[Component]) -> bool:
    return any(component.layer is not None for component in components)


def nested(components: Sequence[Component]) -> tuple[Part, ...]:
    """The components with each layer as one part. Raises BadTransformation for a `fl_layer_apply` that closes nothing."""
    rows: list[list[Part]] = [[]]
    openers: list[Component] = []
    closed = _closed(components)
    for position, component in enumerate(components):
        if position in closed:
            openers.append(component)
            rows.append([])
        elif component.layer is not None:
            rows[-1].append(_alone(component, component.layer))
        elif APPLY in component.flags:
            done = rows.pop()
            rows[-1].append(_closed_by(openers.pop(), done, component))
        else:
            rows[-1].append(component)
    return tuple(rows[0])


def own_components(parts: Iterable[Part]) -> Iterator[Component]:
    """What is done to the picture itself; of its layers, where they are put."""
    for part in parts:
        yield part.placing if isinstance(part, Overlaid) else part


def without_layers(parts: Iterable[Part]) -> tuple[Component, ...] | None:
    """What is done to the picture itself; None when a layer may make it larger."""
    own: list[Component] = []
    for part in parts:
        if isinstance(part, Component):
            own.append(part)
        elif part.placing.flags.isdisjoint(SIZE_STAYS):
            return None
    return tuple(own)


def with_own(components: Sequence[Component], change: Callable[[Component], Component]) -> tuple[Component, ...]:
    """The same row, with what is done to the picture itself changed, and its layers left as they are."""
    closed = _closed(components)
    changed: list[Component] = []
    deep = 0
    for position, component in enumerate(components):
        is_end = component.layer is None and APPLY in component.flags
        is_own = deep == 0 and component.layer is None
        deep += (position in closed) - is_end
        changed.append(change(component) if is_own else component)
    return tuple(changed)


def overlaid_in(parts: Iterable[Part]) -> Iterator[Overlaid]:
    """Every layer, those inside others after them."""
    for part in parts:
        if isinstance(part, Overlaid):
            yield part
            yield from overlaid_in(part.parts)


def page_of(part: Overlaid) -> int | None:
    """Which page of the layer's picture is shown; the last word counts."""
    asked = [own.page for own in own_components(part.parts) if own.page is not None]
    return asked[-1] if asked else None


def _closed(components: Sequence[Component]) -> set[int]:
    """Positions of the components that open a layer which a later one closes."""
    opened: list[int] = []
    closed: set[int] = set()
    for position, component in enumerate(components):
        if component.layer is not None and APPLY not in component.flags:
            opened.append(position)
        elif component.layer is None and APPLY in component.flags:
            if not opened:
                raise BadTransformation.component(f"fl_{APPLY} (there is no layer to apply)")
            closed.add(opened.pop())
    return closed


def _depth(parts: Iterable[Part]) -> int:
    return max((1 + _depth(part.parts) for part in parts if isinstance(part, Overlaid)), default=0)


def _alone(component: Component, layer: Layer) -> Overlaid:
    return Overlaid(layer=layer, parts=(_done(component),), placing=_placing(component))


def _closed_by(opener: Component, parts: Sequence[Part], closer: Component) -> Overlaid:
    assert opener.layer is not None
    first, last = replace(opener, layer=None), _done(closer)
    said, placing = _placing(opener), _placing(closer)
    said = replace(said, flags=said.flags - MEASURING)
    if opener.crop is not None:  # its gravity is that of the crop
        said = replace(said, gravity=None, focal=None, aggressiveness=None, x=None, y=None)
        first = replace(first, flags=first.flags - PLACING, effect=None if _is_blend(first) else first.effect)
    else:
        first = _done(first)
    if placing.gravity is None and placing.x is None and placing.y is None:
        said_where = {name: getattr(said, name) for name in WHERE}
        placing = replace(placing, **said_where)
    placing = replace(placing, effect=placing.effect or said.effect, flags=placing.flags | said.flags)
    return Overlaid(
        layer=opener.layer, parts=(first, *parts, *([last] if last != Component() else [])), placing=placing
    )


def _is_blend(component: Component) -> bool:
    return component.effect is not None and component.effect.name in BLENDS


def _placing(component: Component) -> Component:
    return Component(
        gravity=component.gravity,
        focal=component.focal,
        aggressiveness=component.aggressiveness,
        x=component.x,
        y=component.y,
        effect=component.effect if _is_blend(component) else None,
        flags=component.flags & OF_LAYERS - {APPLY},
    )


def _done(component: Component) -> Component:
    """What of a component that also places is done to the layer itself."""
    return replace(
        component,
        layer=None,
        gravity=None,
        focal=None,
        aggressiveness=None,
        x=None,
        y=None,
        effect=None if _is_blend(component) else component.effect,
        flags=component.flags - PLACING,
    )

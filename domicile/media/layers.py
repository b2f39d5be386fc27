"""Layers in a row of components: where each begins, where it ends, and what is done to it.

    l_logo / w_100 / e_sepia / fl_layer_apply,g_north     from `l_` to the next `fl_layer_apply`, which says where it goes
    l_logo,w_100,g_north                                  without one: a component by itself, applied at once

They nest like brackets: `fl_layer_apply` ends what began last. Source: cloudinary-compat 3.1; docs/adr/0005.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from domicile.media.errors import LimitExceeded
from domicile.media.params.flags import OF_LAYERS
from domicile.media.transformation import Component

APPLY = "layer_apply"


class LayerLimits(Protocol):
    """What is asked of the grammar's limits."""

    @property
    def layers_max(self) -> int: ...


def check_layers(components: Iterable[Component], limits: LayerLimits) -> None:
    """Raise LimitExceeded for more than `layers_max` layers, each counted as often as it is shown."""
    if sum(component.layer is not None for component in components) > limits.layers_max:
        raise LimitExceeded(f"Too many layers - at most {limits.layers_max} are allowed")


def has_layers(components: Sequence[Component]) -> bool:
    return any(component.layer is not None or not OF_LAYERS.isdisjoint(component.flags) for component in components)

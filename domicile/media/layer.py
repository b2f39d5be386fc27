"""What a transformation lays over (`l_`) or under (`u_`) the picture: other pictures of the cloud, text, remote files.

A layer that is a picture is a contributor (decisions E.3): the result is keyed by its key too, so replacing it purges and
erasing it kills every rendition that it is in. Source: cloudinary-compat 3.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from domicile.media.text import TextLayer

LAYERS_MAX = 16
"""Pictures that one transformation may name as layers, all its branches together: each is fetched, opened and mapped."""

LAYER_TYPES = ("upload", "private", "authenticated", "fetch")
"""Delivery types that a layer may have; all but the first only in a signed URL (`fetch`: where the policy says so)."""


@dataclass(frozen=True, slots=True)
class LayerName:
    """A picture of the same cloud, by name: what `l_logo` or `l_private:folder:logo` means."""

    delivery_type: str
    """One of LAYER_TYPES."""
    public_id: str
    """Decoded, with `/` between folders; of `fetch` the address."""

    @property
    def text(self) -> str:
        """How tiers and decoder processes call it; unique."""
        return f"{self.delivery_type}/{self.public_id}"


@dataclass(frozen=True, slots=True)
class Layer:
    """What one component lays over or under the picture."""

    content: LayerName | TextLayer
    is_under: bool = False

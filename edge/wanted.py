"""What a request comes to inside the node: the policy it was read under, and the ways to read its path (`edge.keys` names them).

A path without a version may be read in several ways (media.url). Each has a name of its own, as have the pictures that lie
over it, and what makes the answer another one goes by all of them.
"""

from __future__ import annotations

from dataclasses import dataclass

from domicile.media.asset import NameHash
from domicile.media.auth_token import Held
from domicile.media.layer import LayerName
from domicile.media.pending import Hints
from domicile.media.policy import ResidencyPolicy
from domicile.media.remote_rules import needs_signature
from domicile.media.url import Candidate, DeliveryRequest

WAYS_SEPARATOR = "\n"
STAND_IN_PREFIX = "default\n"
TOKEN_TYPES = frozenset({"private", "authenticated"})
"""Delivery types that a token opens in the place of a signature."""
HELD_PREFIX = "held\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """A picture that a reading lays over its own."""

    layer: LayerName
    name: NameHash
    redaction: str
    """As of `Way`, for this very picture."""
    coordinates: NameHash | None
    """As of `Way`, for this very picture."""
    is_restricted: bool
    """Is it for signed URLs alone?"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One reading of a path."""

    candidate: Candidate
    bucket: str
    """What negotiation chose; "" when the URL does not negotiate."""
    vary: tuple[str, ...]
    follows: tuple[str, ...]
    """Those of `vary` that are client hints."""
    redaction: str
    """Effect that the policy puts first, or "" for none."""
    metadata: str
    """What the policy lets renditions keep."""
    key: str
    name: NameHash
    labels: NameHash | None
    """Changes of the asset's tags and context go by this name; None when the transformation reads neither."""
    coordinates: NameHash | None
    """Changes of its stored coordinates go by this name; None when the transformation does not read them."""
    overlays: tuple[Overlay, ...] = ()
    """In the order in which the transformation names them, each once."""

    @property
    def marks(self) -> tuple[NameHash, ...]:
        """Names whose entries make the object void; its own is the first."""
        said = (mark for mark in (self.labels, self.coordinates) if mark is not None)
        return (self.name, *said, *self.overlay_marks)

    @property
    def overlay_names(self) -> tuple[NameHash, ...]:
        return tuple(overlay.name for overlay in self.overlays)

    @property
    def overlay_marks(self) -> tuple[NameHash, ...]:
        read = (overlay.coordinates for overlay in self.overlays)
        return (*self.overlay_names, *(mark for mark in read if mark is not None))

    @property
    def reads_coordinates(self) -> bool:
        """Its own picture's, or those of one that it lays over it?"""
        return self.coordinates is not None or any(over.coordinates is not None for over in self.overlays)

    @property
    def layers(self) -> tuple[LayerName, ...]:
        return tuple(overlay.layer for overlay in self.overlays)

    @property
    def has_restricted(self) -> bool:
        """Does it show a picture that only signed URLs may show?"""
        return any(overlay.is_restricted for overlay in self.overlays)


@dataclass(frozen=True, slots=True, kw_only=True)
class Default:
    """The asset that stands in when none of the ways leads to one."""

    public_id: str
    name: NameHash
    labels: NameHash
    coordinates: NameHash


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A parsed request of one tenant, under the policy it was read under: keys and bytes must come from the same one."""

    policy: ResidencyPolicy
    config_revision: int
    raw_path: str
    request: DeliveryRequest
    accept: str
    """As received; only `f_auto` looks at it."""
    hints: Hints
    """Only `dpr_auto` and `w_auto` look at them."""
    ways: tuple[Way, ...]
    default: Default | None = None
    is_narrowed: bool = False
    """Are there readings that strict transformations let not pass?"""
    held: Held | None = None
    """The token that was shown, if it is good: never part of a reading that is remembered."""

    @property
    def marks(self) -> tuple[NameHash, ...]:
        """Every name whose entries may make the answer another one."""
        default = self.default
        stands_in = (default.name, default.labels, default.coordinates) if default is not None else ()
        return (*(mark for way in self.ways for mark in way.marks), *stands_in)

    @property
    def reads_labels(self) -> bool:
        return any(way.labels is not None for way in self.ways)

    @property
    def reads_coordinates(self) -> bool:
        return any(way.reads_coordinates for way in self.ways)

    @property
    def tenant(self) -> str:
        return self.request.cloud

    @property
    def names(self) -> tuple[NameHash, ...]:
        return tuple(way.name for way in self.ways)

    @property
    def flight_key(self) -> str:
        """Requests that may share one fill: those that could find the same things in the same order."""
        return WAYS_SEPARATOR.join(way.key for way in self.ways)

    @property
    def fill_key(self) -> str:
        """Who shows a token may be given what others are refused, so he waits for nobody else's fill, nor they for his."""
        return (HELD_PREFIX if self.held is not None else "") + self.flight_key

    @property
    def stand_in_key(self) -> str:
        """What the default image comes to goes by all ways together: it is the answer when none of them is."""
        return STAND_IN_PREFIX + self.flight_key

    @property
    def is_public(self) -> bool:
        """May caches outside keep the answer for anybody?"""
        return self.request.delivery_type in {"upload", "fetch"} and not self._has_restricted

    @property
    def needs_verdict(self) -> bool:
        """Must the origin have let this very path pass before a stored answer may be given?"""
        request = self.request
        is_closed = needs_signature(request.delivery_type, self.policy.remote) and not self.is_let_in_by_token
        return request.signature is not None or is_closed or self._has_restricted

    @property
    def is_let_in_by_token(self) -> bool:
        """Is it the token that opens the delivery type, in the place of a signature?"""
        request = self.request
        return self.held is not None and request.signature is None and request.delivery_type in TOKEN_TYPES

    def is_for_signed(self, way: Way) -> bool:
        """Is what this way leads to for signed URLs alone, and this one bears no signature?

        A verdict is of the path, whose ways differ in this: who was let pass for a private picture's rendition is not for
        the private original that the same path comes to when that picture is gone.
        """
        request = self.request
        is_shown = request.signature is not None or self.held is not None
        return request.delivery_type == "private" and not is_shown and not way.candidate.transformation

    @property
    def _has_restricted(self) -> bool:
        return any(way.has_restricted for way in self.ways)

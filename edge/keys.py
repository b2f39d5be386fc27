"""What a request is called inside the node: a cache key, a file name and name hashes for each way to read its path.

A path without a version may be read in several ways (media.url). An object found under a later way may be served only
while the names of all earlier ways are known not to exist: they stand in its `names`, so that the fence drops it when
one of them comes into being. So do the names of all pictures that lie over it: when one of these is replaced, renamed,
deleted or erased, or comes into being, what was made with it is void (decisions E.3).
"""

from __future__ import annotations

from dataclasses import dataclass

from domicile.media.asset import AssetName, NameHash
from domicile.media.auth_token import Held
from domicile.media.cachekey import SEPARATOR, cache_key
from domicile.media.errors import BadSignature, BadTransformation
from domicile.media.faces import reads_coordinates
from domicile.media.forced import forced_effect
from domicile.media.grammar import Limits
from domicile.media.keys import COORDINATES, LABELS, file_name, name_hash
from domicile.media.layer import LayerName
from domicile.media.negotiate import negotiate
from domicile.media.params.default import public_id_of, write_default
from domicile.media.pending import Hints, Named, settled
from domicile.media.policy import ResidencyPolicy
from domicile.media.remote_rules import check_fetched, needs_signature
from domicile.media.strict import REFUSAL, is_allowed
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a request's ways are named by, beside its path."""

    accept: str
    hints: Hints
    policy: ResidencyPolicy
    config_revision: int
    name_key: bytes
    named: Named
    """Named transformations, as of the same revision."""
    limits: Limits
    allowed: frozenset[str] = frozenset()
    """Names that strict transformations let pass."""


def wanted(raw_path: str, request: DeliveryRequest, terms: Terms) -> Wanted:
    """Name every way of a parsed request. Raises BadTransformation for a named transformation that is not known,
    BadSignature when strict transformations let no reading pass, or for a picture from elsewhere that may not be shown.
    """
    ways = tuple(_way(request, candidate, terms) for candidate in _passed(request, terms))
    return Wanted(
        policy=terms.policy,
        config_revision=terms.config_revision,
        raw_path=raw_path,
        request=request,
        accept=terms.accept,
        hints=terms.hints,
        ways=ways,
        default=_default(request, ways[0], terms),
        is_narrowed=len(ways) < len(request.candidates),
    )


def _passed(request: DeliveryRequest, terms: Terms) -> list[Candidate]:
    """The readings that the policy delivers. A signature covers any: the origin judges it before anything is given."""
    if not terms.policy.strict_transformations or request.signature is not None:
        return list(request.candidates)
    passed = [
        candidate
        for candidate in request.candidates
        if is_allowed(candidate.pending or candidate.transformation.components, terms.allowed)
    ]
    if not passed:
        raise BadSignature(REFUSAL)
    return passed


def _default(request: DeliveryRequest, way: Way, terms: Terms) -> Default | None:
    """`d_…` of the likeliest reading, the last one counts."""
    asked = [part.default_image for part in way.candidate.transformation.components if part.default_image is not None]
    if not asked:
        return None
    if request.resource_type != "image":
        raise BadTransformation.component(f"d_{write_default(asked[-1])} (stands in for images only)")
    named = AssetName(
        cloud=request.cloud, resource_type="image", delivery_type="upload", public_id=public_id_of(asked[-1])
    )
    return Default(
        public_id=named.public_id,
        name=name_hash(terms.name_key, "name", named.text),
        labels=name_hash(terms.name_key, LABELS, named.text),
        coordinates=name_hash(terms.name_key, COORDINATES, named.text),
    )


def _way(request: DeliveryRequest, candidate: Candidate, terms: Terms) -> Way:
    accept, policy, name_key = terms.accept, terms.policy, terms.name_key
    check_fetched(request.delivery_type, candidate.public_id, policy.remote)
    follows: tuple[str, ...] = ()
    if candidate.pending:
        put_in = settled(candidate.pending, terms.named, terms.hints, terms.limits)
        candidate, follows = candidate.settled(put_in.chain), put_in.vary
    program = candidate.program
    negotiated = negotiate(candidate.transformation, candidate.extension, accept)
    key = cache_key(
        tenant=request.cloud,
        resource_type=request.resource_type,
        delivery_type=request.delivery_type,
        public_id=candidate.public_id,
        transformation=candidate.transformation_text,
        extension=candidate.extension,
        bucket=negotiated.bucket,
    )
    is_signed = request.signature is not None
    redaction = _redaction(policy, candidate, is_signed=is_signed)
    reads = _reads(candidate)
    overlays = tuple(_overlay(request, layer, terms, reads=reads) for layer in candidate.layers)
    named = AssetName(
        cloud=request.cloud,
        resource_type=request.resource_type,
        delivery_type=request.delivery_type,
        public_id=candidate.public_id,
    )
    return Way(
        candidate=candidate,
        bucket=negotiated.bucket,
        vary=(*negotiated.vary, *follows),
        follows=follows,
        redaction=redaction,
        metadata=policy.metadata,
        # what of a policy changes bytes: of each picture
        key=SEPARATOR.join(
            (key, policy.originals, policy.metadata, redaction, *(overlay.redaction for overlay in overlays))
        ),
        name=name_hash(name_key, "name", named.text),
        labels=name_hash(name_key, LABELS, named.text) if program is not None and program.reads_labels else None,
        coordinates=name_hash(name_key, COORDINATES, named.text) if redaction or reads else None,
        overlays=overlays,
    )


def _overlay(request: DeliveryRequest, layer: LayerName, terms: Terms, *, reads: bool) -> Overlay:
    """`reads`: may stored coordinates change what comes out?"""
    check_fetched(layer.delivery_type, layer.public_id, terms.policy.remote)
    named = AssetName(
        cloud=request.cloud, resource_type="image", delivery_type=layer.delivery_type, public_id=layer.public_id
    )
    redaction = forced_effect(terms.policy.redaction, layer.public_id, is_signed=request.signature is not None)
    return Overlay(
        layer=layer,
        name=name_hash(terms.name_key, "name", named.text),
        redaction=redaction,
        coordinates=name_hash(terms.name_key, COORDINATES, named.text) if redaction or reads else None,
        is_restricted=needs_signature(layer.delivery_type, terms.policy.remote),
    )


def _reads(candidate: Candidate) -> bool:
    """May stored coordinates change what comes out?"""
    if candidate.program is not None:
        return candidate.program.reads_coordinates
    return any(map(reads_coordinates, candidate.transformation.components))


def _redaction(policy: ResidencyPolicy, candidate: Candidate, *, is_signed: bool) -> str:
    """What the policy forces on any picture that this reading may show: the one it names, or the default in its place."""
    shown = [candidate.public_id]
    shown += [
        public_id_of(part.default_image)
        for part in candidate.transformation.components
        if part.default_image is not None
    ]
    forced = (forced_effect(policy.redaction, public_id, is_signed=is_signed) for public_id in shown)
    return next((effect for effect in forced if effect), "")


def file_of(way: Way, file_key: bytes) -> str:
    """Name of the way's file on this node's disks, and what its owner is chosen by."""
    return file_name(file_key, way.key)

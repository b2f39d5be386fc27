"""What a request is called inside the node: a cache key, a file name and name hashes for each way to read its path.

A path without a version may be read in several ways (media.url). An object found under a later way may be served only
while the names of all earlier ways are known not to exist: they stand in its `names`, so that the fence drops it when
one of them comes into being. So do the names of all pictures that lie over it: when one of these is replaced, renamed,
deleted or erased, or comes into being, what was made with it is void (decisions E.3).
"""

from __future__ import annotations

from dataclasses import dataclass

from domicile.media.asset import AssetName
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
from edge.wanted import Default, Overlay, Wanted, Way


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

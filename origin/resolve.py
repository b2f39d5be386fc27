"""Resolve: which versions does a delivery URL mean, and what may this region have of them? One snapshot, one answer.

Head, name and aid are read in one transaction; keys are looked up after it, and a key that has gone since then makes the
name absent. The answer states the snapshot's sequence, so an edge that knows a newer purge refuses it (decisions D.2).
What lies over a picture contributes to it: the key that is released for the result is made of the keys of all (E.3).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from domicile.media.access import DENIED, Access, judge
from domicile.media.asset import AssetName, NameHash
from domicile.media.auth_token import verify_token
from domicile.media.coordinates import NOWHERE, Coordinates
from domicile.media.errors import BadRequest, BadSignature, LimitExceeded, OutsideRegion
from domicile.media.journal import Head
from domicile.media.keys import content_key, subkey
from domicile.media.layer import LAYER_TYPES, LAYERS_MAX, LayerName
from domicile.media.policy import Activity, Deny, Place, ResidencyPolicy, decide
from domicile.media.remote_rules import RemoteRules, check_fetched, needs_signature
from domicile.media.wire import NAMES_MAX, Absent, ResolveAnswer, Resolved, ResolvedLayer, ResolveRequest
from origin.found import Opened, find
from origin.records.core import Core
from origin.records.tenant import Tenant
from origin.tenants import Standing

VerifyDelivery = Callable[[str, str, str], None]
"""(signed text, signature, api_secret); raises BadSignature. See `domicile.media.signature.verify_delivery`."""


async def resolve(core: Core, verify: VerifyDelivery, request: ResolveRequest) -> ResolveAnswer:
    """Raises AssetNotFound (unknown cloud), BadSignature, OutsideRegion, BadRequest, LimitExceeded."""
    if not 0 < len(request.public_ids) <= NAMES_MAX:
        raise BadRequest("1 to 16 names in one resolve")
    _check_layers(request)
    standing = core.tenants.standing(request.cloud)  # before the snapshot: the revision stated is never too new
    may_transform = _releases(standing.policy, request.region, at=core.now())
    token_until = _token_until(request, standing, now=core.now())
    rules = standing.policy.remote if standing.policy else RemoteRules()
    _check_fetched(request, rules)
    signed = _signed(request, standing.tenant, verify, rules, has_token=token_until > 0)
    hashes = {core.hash_name(_name(request, index)): index for index in reversed(signed)}
    laid = {
        index: [core.hash_name(_layer_name(request, layer)) for layer in _layers(request, index)] for index in signed
    }
    names = dict.fromkeys([*hashes, *(name for names in laid.values() for name in names)])

    head, opened = await find(core, request.cloud, names, rules)
    known = _Known(
        request=request,
        head=head,
        may_transform=may_transform,
        standing=standing,
        now=core.now(),
        token_until=token_until,
        opened=opened,
    )
    missing = tuple(name for name in hashes if name not in known.opened)
    for name, index in sorted(hashes.items(), key=lambda named: named[1]):
        if name in known.opened:
            return _answer(known, name, index, laid[index], missing)
    return ResolveAnswer(absent=_absent(known, missing))


def _check_layers(request: ResolveRequest) -> None:
    """Raises BadRequest, LimitExceeded."""
    if request.layers and len(request.layers) != len(request.public_ids):
        raise BadRequest("the layers do not fit the candidates")
    if any(len(layers) > LAYERS_MAX for layers in request.layers):
        raise LimitExceeded(f"Too many layers. Maximum is {LAYERS_MAX}")
    if any(layer.delivery_type not in LAYER_TYPES for layers in request.layers for layer in layers):
        raise BadRequest("a layer has a type that no layer has")


def _layers(request: ResolveRequest, index: int) -> tuple[LayerName, ...]:
    return request.layers[index] if request.layers else ()


def _layer_name(request: ResolveRequest, layer: LayerName) -> AssetName:
    """A layer is a picture of the same cloud, whatever lies under it."""
    return AssetName(
        cloud=request.cloud, resource_type="image", delivery_type=layer.delivery_type, public_id=layer.public_id
    )


def _name(request: ResolveRequest, index: int) -> AssetName:
    return AssetName(
        cloud=request.cloud,
        resource_type=request.resource_type,
        delivery_type=request.delivery_type,
        public_id=request.public_ids[index],
    )


def _releases(policy: ResidencyPolicy | None, region: str, *, at: float) -> bool:
    """May the region have originals (True) or renditions only (False)? Raises OutsideRegion when it may have neither."""
    place = Place(name="edge", region=region)
    transform = decide(policy, Activity.TRANSFORM, place, at=at)
    if not isinstance(transform, Deny):
        return True
    cache = decide(policy, Activity.CACHE, place, at=at)
    if isinstance(cache, Deny):
        raise OutsideRegion(f"the policy denies {cache.reason}")
    return False


def _token_until(request: ResolveRequest, standing: Standing, *, now: float) -> float:
    """When the token beside the question ends; 0 without a good one. A bad one closes nothing: it may have ended just now,
    or its key been retired, and what is asked for may be open to everybody.
    """
    if not request.token:
        return 0.0
    try:
        return verify_token(request.token, request.target, standing.tenant.token_keys, now=now, address=None)
    except BadSignature:
        return 0.0


def _signed(
    request: ResolveRequest, tenant: Tenant, verify: VerifyDelivery, rules: RemoteRules, *, has_token: bool
) -> list[int]:
    """Candidates that may be looked up: all, or those the signature covers. Raises BadSignature when none is left.

    It is judged before the look-up, so that what needs a signature does not tell strangers what exists.
    """
    everything = list(range(len(request.public_ids)))
    if request.signature is None:
        if _needs_signature(request, rules, has_token=has_token):
            raise BadSignature("this delivery type needs a signed URL")
        if any(needs_signature(layer.delivery_type, rules) for layers in request.layers for layer in layers):
            raise BadSignature("a layer of this type needs a signed URL")
        return everything
    if len(request.signed_texts) != len(request.public_ids):
        raise BadSignature("a signature needs the texts that it covers")
    covered = [index for index in everything if _holds(request, index, tenant, verify)]
    if not covered:
        raise BadSignature("the signature does not match")
    return covered


def _check_fetched(request: ResolveRequest, rules: RemoteRules) -> None:
    """Raises BadSignature, BadUrl, BadRequest."""
    for public_id in request.public_ids:
        check_fetched(request.delivery_type, public_id, rules)
    for layers in request.layers:
        for layer in layers:
            check_fetched(layer.delivery_type, layer.public_id, rules)


def _needs_signature(request: ResolveRequest, rules: RemoteRules, *, has_token: bool) -> bool:
    """`authenticated`: always. `private`: the original; its renditions are public (cloudinary-compat 3.6), but a raw file
    or a film has none. A token stands for it, but not where it would have something fetched.
    """
    if request.delivery_type == "private" and request.transformed and request.resource_type == "image":
        return False
    is_fetch = request.delivery_type == "fetch"
    return needs_signature(request.delivery_type, rules) and (is_fetch or not has_token)


def _holds(request: ResolveRequest, index: int, tenant: Tenant, verify: VerifyDelivery) -> bool:
    """By any key that may see all that is shown."""
    shown = (request.public_ids[index], *(layer.public_id for layer in _layers(request, index)))
    return any(_verified(request, index, secret, verify) for secret in tenant.delivery_secrets(shown))


def _verified(request: ResolveRequest, index: int, api_secret: str, verify: VerifyDelivery) -> bool:
    try:
        verify(request.signed_texts[index], request.signature or "", api_secret)
    except BadSignature:
        return False
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What was asked, and what is there to answer with."""

    request: ResolveRequest
    head: Head
    may_transform: bool
    standing: Standing
    now: float
    token_until: float
    opened: dict[NameHash, Opened]

    def original_key(self, opened: Opened) -> bytes | None:
        return opened.original_key if self.may_transform else None

    def coordinates(self, opened: Opened) -> Coordinates:
        if not self.request.coordinates or not self.may_transform:
            return NOWHERE
        record = opened.record
        return msgspec.structs.replace(record.coordinates, found=record.analysis.faces)


def _answer(
    known: _Known, name: NameHash, index: int, laid: list[NameHash], missing: tuple[NameHash, ...]
) -> ResolveAnswer:
    """The candidate that exists, if all that lies over it does."""
    for layer, layer_name in zip(_layers(known.request, index), laid, strict=True):
        if layer_name not in known.opened:
            return ResolveAnswer(absent=_absent(known, (*missing, layer_name), layer))
    base, layers = known.opened[name], [known.opened[name] for name in laid]
    access = _access(base, layers)
    judge(access, now=known.now, token_until=known.token_until)  # keys are for those who may see it
    if access.is_ruled and not known.request.judges:  # an edge of before, which would give it out for ever
        raise BadSignature(DENIED)
    return ResolveAnswer(resolved=_resolved(known, base, index, layers, access))


def _access(base: Opened, layers: list[Opened]) -> Access:
    held = (rules for opened in (base, *layers) for rules in opened.held_rules)
    rules = dict.fromkeys([*(layer.record.access_control for layer in layers), *held])
    return Access(own=base.record.access_control, shown=tuple(one for one in rules if one))


def _resolved(known: _Known, base: Opened, index: int, layers: list[Opened], access: Access) -> Resolved:
    head, wants_labels, record = known.head, known.request.labels and known.may_transform, base.record
    keys = {aid: subkey(key, "rendition") for opened in (base, *layers) for aid, key in opened.data_keys.items()}
    return Resolved(
        index=index,
        aid=base.row.aid,
        asset_id=base.row.asset_id,
        name=base.row.name,
        epoch=head.epoch,
        sequence=head.seq,
        config_revision=known.standing.tenant.config_revision,
        version=record.version,
        facts=record.facts,
        contributors=tuple(sorted(keys)),
        original_key=known.original_key(base),
        rendition_key=content_key(keys),
        resource_type=record.name.resource_type,
        tags=record.tags if wants_labels else (),
        context=dict(record.context) if wants_labels else {},
        coordinates=known.coordinates(base),
        access=access,
        layers=tuple(
            ResolvedLayer(
                aid=layer.row.aid,
                name=layer.row.name,
                facts=layer.record.facts,
                original_key=known.original_key(layer),
                coordinates=known.coordinates(layer),
            )
            for layer in layers
        ),
    )


def _absent(known: _Known, names: tuple[NameHash, ...], layer: LayerName | None = None) -> Absent:
    """Never existed, deleted and erased are one and the same answer (decisions I.1)."""
    policy, head = known.standing.policy, known.head
    status = policy.erased_status if policy else 404
    return Absent(epoch=head.epoch, sequence=head.seq, names=names, status=status, layer=layer)

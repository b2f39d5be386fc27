"""Resolve: which version does a delivery URL mean, and what may this region have of it? One snapshot, one answer.

Head, name and aid are read in one transaction; keys are looked up after it, and a key that has gone since then makes the
name absent. The answer states the snapshot's sequence, so an edge that knows a newer purge refuses it (decisions D.2).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from domicile.media.asset import AssetName, NameHash
from domicile.media.coordinates import NOWHERE
from domicile.media.errors import BadRequest, BadSignature, OutsideRegion
from domicile.media.journal import Head
from domicile.media.keys import content_key, subkey
from domicile.media.policy import Activity, Deny, Place, ResidencyPolicy, decide
from domicile.media.wire import NAMES_MAX, Absent, ResolveAnswer, Resolved, ResolveRequest
from origin.catalogue.port import AssetRow
from origin.journal import read_head
from origin.records.core import Core
from origin.tenants import Standing

VerifyDelivery = Callable[[str, str, str], None]
"""(signed text, signature, api_secret); raises BadSignature. See `domicile.media.signature.verify_delivery`."""


async def resolve(core: Core, verify: VerifyDelivery, request: ResolveRequest) -> ResolveAnswer:
    """Raises AssetNotFound (unknown cloud), BadSignature, OutsideRegion, BadRequest."""
    if not 0 < len(request.public_ids) <= NAMES_MAX:
        raise BadRequest("1 to 16 names in one resolve")
    standing = core.tenants.standing(request.cloud)  # before the snapshot: the revision stated is never too new
    may_transform = _releases(standing.policy, request.region, at=core.now())
    candidates = [(index, _name(request, index)) for index in _signed(request, standing.tenant.api_secret, verify)]
    hashes = {core.hash_name(name): index for index, name in reversed(candidates)}
    async with core.database.read() as connection:
        head = await read_head(connection, request.cloud)
        rows = await core.catalogue.named(connection, request.cloud, hashes)
    for row in sorted(rows, key=lambda row: hashes[row.name]):
        known = _Known(request=request, head=head, may_transform=may_transform, standing=standing)
        answer = _resolved(core, row, hashes[row.name], known)
        if answer is not None:
            return ResolveAnswer(resolved=answer)
    return ResolveAnswer(absent=_absent(standing, head, tuple(hashes)))


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


def _signed(request: ResolveRequest, api_secret: str, verify: VerifyDelivery) -> list[int]:
    """Candidates that may be looked up: all, or those the signature covers. Raises BadSignature when none is left.

    It is judged before the look-up, so that what needs a signature does not tell strangers what exists.
    """
    everything = list(range(len(request.public_ids)))
    if request.signature is None:
        if _needs_signature(request):
            raise BadSignature("this delivery type needs a signed URL")
        return everything
    if len(request.signed_texts) != len(request.public_ids):
        raise BadSignature("a signature needs the texts that it covers")
    covered = [index for index in everything if _holds(request, index, api_secret, verify)]
    if not covered:
        raise BadSignature("the signature does not match")
    return covered


def _needs_signature(request: ResolveRequest) -> bool:
    """`authenticated`: always. `private`: the original; its renditions are public (cloudinary-compat 3.6)."""
    return request.delivery_type == "authenticated" or (request.delivery_type == "private" and not request.transformed)


def _holds(request: ResolveRequest, index: int, api_secret: str, verify: VerifyDelivery) -> bool:
    try:
        verify(request.signed_texts[index], request.signature or "", api_secret)
    except BadSignature:
        return False
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What the answer says besides the asset."""

    request: ResolveRequest
    head: Head
    may_transform: bool
    standing: Standing


def _resolved(core: Core, row: AssetRow, index: int, known: _Known) -> Resolved | None:
    data_key, record = core.keyring.of(row.aid), core.open(row)
    if data_key is None or record is None:
        return None
    head, wants_labels = known.head, known.request.labels and known.may_transform
    return Resolved(
        index=index,
        aid=row.aid,
        asset_id=row.asset_id,
        name=row.name,
        epoch=head.epoch,
        sequence=head.seq,
        config_revision=known.standing.tenant.config_revision,
        version=record.version,
        facts=record.facts,
        contributors=(row.aid,),
        original_key=subkey(data_key, "original") if known.may_transform else None,
        rendition_key=content_key({row.aid: subkey(data_key, "rendition")}),
        resource_type=record.name.resource_type,
        tags=record.tags if wants_labels else (),
        context=dict(record.context) if wants_labels else {},
        coordinates=record.coordinates if known.request.coordinates and known.may_transform else NOWHERE,
    )


def _absent(standing: Standing, head: Head, names: tuple[NameHash, ...]) -> Absent:
    """Never existed, deleted and erased are one and the same answer (decisions I.1)."""
    status = standing.policy.erased_status if standing.policy else 404
    return Absent(epoch=head.epoch, sequence=head.seq, names=names, status=status)

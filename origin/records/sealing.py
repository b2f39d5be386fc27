"""Asset records as the catalogue keeps them: sealed under the aid's "meta" subkey, so that they die with the key."""

from __future__ import annotations

import os
from collections.abc import Mapping

import msgspec

from domicile.media.access import AccessRule
from domicile.media.analysis import NOTHING, Analysis
from domicile.media.asset import Aid, AssetId, AssetName
from domicile.media.coordinates import NOWHERE, Coordinates
from domicile.media.facts import SourceFacts
from domicile.media.keys import content_key, subkey
from domicile.media.sealed import SALT_BYTES, SealContext, open_sealed, seal
from origin.catalogue.port import AssetRow
from origin.records.types import AssetRecord, MetadataValue, Moderation, RenditionRecord


class _Meta(msgspec.Struct, frozen=True, kw_only=True):
    """What is inside the blob; fields may be added with defaults, never removed or re-used."""

    resource_type: str
    delivery_type: str
    public_id: str
    version: int
    facts: SourceFacts
    tags: tuple[str, ...]
    context: dict[str, str]
    folder: str
    original_filename: str
    created_at: float
    display_name: str = ""
    coordinates: Coordinates = NOWHERE
    analysis: Analysis = NOTHING
    metadata: dict[str, MetadataValue] = {}
    moderation: tuple[Moderation, ...] = ()
    sources: tuple[Aid, ...] = ()
    access_control: tuple[AccessRule, ...] = ()
    backup: bool = False
    related: tuple[AssetId, ...] = ()
    subject_ids: tuple[str, ...] = ()


def _context(tenant: str, aid: Aid, variant: str, region: str) -> SealContext:
    return SealContext(tenant=tenant, aids=(aid,), variant=variant, region=region)


def seal_record(record: AssetRecord, data_key: bytes, *, region: str) -> bytes:
    """The blob of a record, under a fresh salt."""
    meta = _Meta(
        resource_type=record.name.resource_type,
        delivery_type=record.name.delivery_type,
        public_id=record.name.public_id,
        version=record.version,
        facts=record.facts,
        tags=record.tags,
        context=dict(record.context),
        folder=record.folder,
        original_filename=record.original_filename,
        created_at=record.created_at,
        display_name=record.display_name,
        coordinates=record.coordinates,
        analysis=record.analysis,
        metadata=dict(record.metadata),
        moderation=record.moderation,
        sources=record.sources,
        access_control=record.access_control,
        backup=record.backup,
        related=record.related,
        subject_ids=record.subject_ids,
    )
    context = _context(record.name.cloud, record.aid, "meta", region)
    body = msgspec.msgpack.encode(meta)
    return seal(subkey(data_key, "meta"), context, header=b"", body=body, salt=os.urandom(SALT_BYTES))


def open_record(row: AssetRow, data_key: bytes, *, region: str) -> AssetRecord:
    """Raises SealBroken for a blob that was moved, torn or sealed under another key."""
    _, body = open_sealed(subkey(data_key, "meta"), _context(row.tenant, row.aid, "meta", region), row.meta)
    meta = msgspec.msgpack.decode(body, type=_Meta)
    return AssetRecord(
        asset_id=row.asset_id,
        aid=row.aid,
        name=AssetName(
            cloud=row.tenant,
            resource_type=meta.resource_type,
            delivery_type=meta.delivery_type,
            public_id=meta.public_id,
        ),
        version=meta.version,
        facts=meta.facts,
        tags=meta.tags,
        context=meta.context,
        folder=meta.folder,
        original_filename=meta.original_filename,
        created_at=meta.created_at,
        display_name=meta.display_name,
        coordinates=meta.coordinates,
        analysis=meta.analysis,
        metadata=meta.metadata,
        moderation=meta.moderation,
        sources=meta.sources,
        access_control=meta.access_control,
        backup=meta.backup,
        related=meta.related,
        subject_ids=meta.subject_ids,
    )


class _Rendition(msgspec.Struct, frozen=True, kw_only=True):
    transformation: str
    format: str
    width: int
    height: int
    body_bytes: int


def seal_rendition(rendition: RenditionRecord, data_keys: Mapping[Aid, bytes], *, tenant: str, region: str) -> bytes:
    """A transformation can hold personal text and the names of layers, so it is sealed as well: under the keys of all
    pictures that it shows, so that it is lost with any of them. `data_keys`: theirs.
    """
    detail = _Rendition(
        transformation=rendition.transformation,
        format=rendition.format,
        width=rendition.width,
        height=rendition.height,
        body_bytes=rendition.body_bytes,
    )
    key, context = _rendition_seal(data_keys, tenant, region)
    body = msgspec.msgpack.encode(detail)
    return seal(key, context, header=b"", body=body, salt=os.urandom(SALT_BYTES))


def open_rendition(blob: bytes, data_keys: Mapping[Aid, bytes], *, tenant: str, region: str) -> RenditionRecord:
    """Raises SealBroken."""
    key, context = _rendition_seal(data_keys, tenant, region)
    _, body = open_sealed(key, context, blob)
    detail = msgspec.msgpack.decode(body, type=_Rendition)
    return RenditionRecord(
        transformation=detail.transformation,
        format=detail.format,
        width=detail.width,
        height=detail.height,
        body_bytes=detail.body_bytes,
    )


def _rendition_seal(data_keys: Mapping[Aid, bytes], tenant: str, region: str) -> tuple[bytes, SealContext]:
    keys = {aid: subkey(data_key, "meta") for aid, data_key in data_keys.items()}
    aids = tuple(sorted(keys))
    key = keys[aids[0]] if len(aids) == 1 else content_key(keys)
    return key, SealContext(tenant=tenant, aids=aids, variant="rendition-detail", region=region)

"""Blobs sealed under a key of their cloud, for what belongs to no asset: a row's own kind is bound into each."""

from __future__ import annotations

import os

from domicile.media.keys import subkey
from domicile.media.sealed import SALT_BYTES, SealContext, open_sealed, seal
from origin.records.core import Core


def seal_for_cloud(core: Core, cloud: str, kind: str, body: bytes) -> bytes:
    """Raises AssetNotFound for an unknown cloud."""
    key, context = _seal_of(core, cloud, kind)
    return seal(key, context, header=b"", body=body, salt=os.urandom(SALT_BYTES))


def open_for_cloud(core: Core, cloud: str, kind: str, blob: bytes) -> bytes:
    """Raises AssetNotFound, SealBroken."""
    key, context = _seal_of(core, cloud, kind)
    return open_sealed(key, context, blob)[1]


def _seal_of(core: Core, cloud: str, kind: str) -> tuple[bytes, SealContext]:
    tenant = core.tenants.standing(cloud).tenant
    context = SealContext(tenant=cloud, aids=(), variant=kind, region=core.settings.region)
    return subkey(tenant.name_key, kind), context

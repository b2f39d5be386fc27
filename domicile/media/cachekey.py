"""The identity of a stored answer. Source: decisions I.4.

Not in it: host, version, query, signature, SEO suffix, spelling of the transformation.
"""

from __future__ import annotations

RENDER_REVISION = 4
"""Raise when the same transformation would give other pixels or bytes than before: engine, defaults, encoder settings."""

SEPARATOR = "\0"
"""No part can contain it: paths with control characters are refused before they come here."""


def cache_key(
    *,
    tenant: str,
    resource_type: str,
    delivery_type: str,
    public_id: str,
    transformation: str,
    extension: str | None,
    bucket: str,
) -> str:
    """The key's text, for `keys.file_name` and the RAM tier.

    `transformation`: canonical text. `extension`: the URL's, as url.py reads it. `bucket`: as `negotiate` found it.
    """
    parts = (
        tenant,
        f"{resource_type}/{delivery_type}",
        public_id,
        transformation,
        extension or "",
        bucket,
        str(RENDER_REVISION),
    )
    return SEPARATOR.join(parts)

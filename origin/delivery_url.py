"""The delivery URL of an asset, as the SDKs would build it: what `url` and `secure_url` say in answers."""

from __future__ import annotations

import re
from collections.abc import Collection

from domicile.media.asset import AssetName
from domicile.media.errors import BadRequest
from domicile.media.signature import sign_delivery

SIGNED_TYPES = frozenset({"private", "authenticated"})
"""Originals of these need a signature, so their URLs come signed to whoever may see them."""

_FULL = re.compile(r"https?://([^/?#]+)(/.*)", re.IGNORECASE | re.DOTALL)
_ESCAPED = re.compile(r"[^A-Za-z0-9_.\-/:]")


def escape(public_id: str) -> str:
    """Percent-encode as the Python SDK does; signatures cover this text.

    >>> escape("a b/ü")
    'a%20b/%C3%BC'
    """
    return _ESCAPED.sub(lambda match: "".join(f"%{byte:02X}" for byte in match[0].encode()), public_id)


def delivery_url(
    base: str,
    name: AssetName,
    *,
    version: int,
    extension: str,
    api_secret: str,
    transformation: str = "",
    shows_restricted: bool = False,
) -> str:
    """URL of the original, or of a rendition, under `base`; `extension` may be empty; `api_secret` empty: never signed.
    `shows_restricted`: a layer of the transformation needs a signature.
    """
    has_extension = bool(extension) and name.delivery_type != "fetch"  # it would be part of the address there
    source = escape(name.public_id) + (f".{extension}" if has_extension else "")
    signature = ""
    if api_secret and (name.delivery_type in SIGNED_TYPES or shows_restricted):
        signed = f"{transformation}/{source}" if transformation else source
        signature = f"s--{sign_delivery(signed, api_secret)}--/"
    place = f"{base.rstrip('/')}/{name.cloud}/{name.resource_type}/{name.delivery_type}"
    return f"{place}/{signature}{transformation}{'/' if transformation else ''}v{version}/{source}"


def path_of(url: str, hosts: Collection[str]) -> str:
    """The path of a delivery URL, as it stands in it; a path alone is its own. Raises BadRequest for another host.

    >>> path_of("https://Media.example:8443/acme/image/upload/a%20b.jpg", {"media.example:8443"})
    '/acme/image/upload/a%20b.jpg'
    """
    match = _FULL.fullmatch(url)
    if match is None:
        return url
    if match[1].lower() not in {host.lower() for host in hosts}:
        raise BadRequest("a url target is the path of a delivery URL, or a URL of this installation's edges")
    return match[2]

"""An account of an API as `CLOUDINARY_URL` names it, and how what an asset carries is written in an upload. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from domicile.media.errors import BadRequest

USUAL_PREFIX = "https://api.cloudinary.com"
SUBJECTS = "subject_ids"
KEPT_TYPES = frozenset({"upload", "private", "authenticated"})
"""Delivery types that an upload can give; others are drawn, fetched or made of others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """`cloudinary://KEY:SECRET@CLOUD?upload_prefix=…`."""

    cloud: str
    api_key: str
    api_secret: str = field(repr=False)
    prefix: str = USUAL_PREFIX

    @property
    def base(self) -> str:
        return f"{self.prefix}/v1_1/{self.cloud}"

    @property
    def is_cloudinary(self) -> bool:
        """
        >>> read_account("cloudinary://1:s@acme").is_cloudinary
        True
        """
        host = urlsplit(self.prefix).hostname or ""
        return host.endswith(".cloudinary.com")


def read_account(url: str) -> Account:
    """Raises BadRequest.

    >>> read_account("cloudinary://1:s@acme?upload_prefix=http://127.0.0.1:8081").base
    'http://127.0.0.1:8081/v1_1/acme'
    """
    parts = urlsplit(url.strip())
    prefix = parse_qs(parts.query).get("upload_prefix", [USUAL_PREFIX])[0].rstrip("/")
    if parts.scheme != "cloudinary" or not (parts.username and parts.password and parts.hostname):
        raise BadRequest("not a URL like cloudinary://KEY:SECRET@CLOUD")
    if urlsplit(prefix).scheme not in {"http", "https"}:
        raise BadRequest("upload_prefix: not a URL like https://api.example.org")
    cloud = parts.netloc.rpartition("@")[2]
    return Account(cloud=cloud, api_key=unquote(parts.username), api_secret=unquote(parts.password), prefix=prefix)


def path_of(resource_type: str, delivery_type: str, public_id: str) -> str:
    """Of one asset in the Admin API."""
    return f"/resources/{resource_type}/{delivery_type}/{quote(public_id, safe='')}"


def upload_fields(asset: Mapping[str, Any]) -> dict[str, str]:
    """What an upload has to say so that the asset is as the Admin API tells it."""
    fields = {
        "public_id": str(asset["public_id"]),
        "type": str(asset.get("type") or "upload"),
        "tags": ",".join(asset.get("tags") or ()),
        "context": pairs((asset.get("context") or {}).get("custom") or {}),
        "metadata": pairs(asset.get("metadata") or {}),
        "asset_folder": str(asset.get("asset_folder") or ""),
        "display_name": str(asset.get("display_name") or ""),
        "access_control": json.dumps(asset["access_control"]) if asset.get("access_control") else "",
    }
    about = {f"{SUBJECTS}[{n}]": str(one) for n, one in enumerate(asset.get(SUBJECTS) or ())}
    return {name: value for name, value in fields.items() if value} | about


def pairs(entries: Mapping[str, Any]) -> str:
    r"""`key=value|key=value`, as uploads write context and metadata.

    >>> pairs({"alt": "a=b|c", "colors": ["red", "blue"]})
    'alt=a\\=b\\|c|colors=["red", "blue"]'
    """

    def text(value: Any) -> str:
        plain = json.dumps(value) if isinstance(value, list) else str(value)
        return plain.replace("|", "\\|").replace("=", "\\=")

    return "|".join(f"{text(key)}={text(value)}" for key, value in entries.items() if value is not None)

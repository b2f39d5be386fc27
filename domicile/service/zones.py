"""The region that a node's certificate is bound to: `domicile:zone:eu-de` among the URIs of its SAN."""

from __future__ import annotations

import re
from collections.abc import Mapping

_ZONE = re.compile(r"domicile:zone:([a-z0-9-]{1,32})")


def zone_of(certificate: Mapping[str, object]) -> str | None:
    """The one zone of a certificate, as `ssl.getpeercert` tells it; None when there is none, or more than one."""
    names = certificate.get("subjectAltName", ())
    assert isinstance(names, tuple)
    matches = [_ZONE.fullmatch(value) for kind, value in names if kind == "URI"]
    zones = {match[1] for match in matches if match is not None}
    return zones.pop() if len(zones) == 1 else None

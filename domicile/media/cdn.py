"""What each CDN understands: the field it reads tags from, the fields it reads its lifetime from, and how much it keeps.

Facts only, from the CDNs' own documentation (docs/cdn.md has the recipes). Who asks is decided in `edge/front.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

NO_CDN = "none"

CDN_CACHE_CONTROL = "CDN-Cache-Control"
"""RFC 9213; the same words as Cache-Control."""
SURROGATE_CONTROL = "Surrogate-Control"
"""W3C note on edge architecture; knows no `must-revalidate`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cdn:
    """One kind of CDN. Every one of them reads `Cache-Control: s-maxage`, too."""

    name: str
    tag_field: str | None
    """None: it cannot purge by tag, and its copies go by their age."""
    separator: str = " "
    tags_max: int = 100
    """Of one answer; what comes after these would not be kept, and could not be purged by."""
    lifetime_fields: tuple[str, ...] = ()
    keys_by_vary: bool = False
    """Does it keep one copy for each value of what `Vary` names, with no more than its usual configuration?"""


_ALL = (
    Cdn(
        name="generic",
        tag_field="Surrogate-Key",
        lifetime_fields=(CDN_CACHE_CONTROL, SURROGATE_CONTROL),
    ),
    Cdn(name="fastly", tag_field="Surrogate-Key", lifetime_fields=(SURROGATE_CONTROL,), keys_by_vary=True),
    Cdn(
        name="cloudflare",
        tag_field="Cache-Tag",
        separator=",",
        lifetime_fields=("Cloudflare-CDN-Cache-Control",),
    ),
    Cdn(name="cloudfront", tag_field="Cache-Tag", separator=",", tags_max=50),
    Cdn(name="akamai", tag_field="Edge-Cache-Tag", separator=","),
    Cdn(name="bunny", tag_field="CDN-Tag", separator=","),
    Cdn(name="varnish", tag_field="xkey", keys_by_vary=True),
    Cdn(name="nginx", tag_field=None, keys_by_vary=True),
)

CDNS = {cdn.name: cdn for cdn in _ALL}

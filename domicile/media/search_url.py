"""Search URLs on a delivery host: a query that its owner signed, for whoever has the URL.

    path = "/" ["res/"] cloud "/search/" signature "/" ttl "/" query ["/" next_cursor]

The parts stay as they are spelled: the signature covers that. On a host of one cloud alone (private CDN) there is no cloud in it:
see `url.on_shared_host`.
Source: cloudinary-compat 2.6, the SDKs' `to_url`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

QUERY_CHARS_MAX = 3500
CURSOR_CHARS_MAX = 2048

_BASE64 = "[A-Za-z0-9_-]"
_URL = re.compile(
    r"/(?:res/)?(?P<cloud>[a-z0-9-]{1,64})/search/(?P<signature>[0-9a-f]{64})/(?P<ttl>[0-9]{1,10})"
    rf"/(?P<query>{_BASE64}{{1,{QUERY_CHARS_MAX}}}(?:=|%3D){{0,2}})"
    rf"(?:/(?P<cursor>{_BASE64}{{1,{CURSOR_CHARS_MAX}}}))?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchUrl:
    cloud: str
    signature: str
    ttl: str
    """Seconds that the owner would let copies live; there are none."""
    query: str
    next_cursor: str = ""


def parse_search(raw_path: str) -> SearchUrl | None:
    """None for a path that is something else: a picture may lie in a folder "search"."""
    match = _URL.fullmatch(raw_path.partition("?")[0])
    if match is None:
        return None
    return SearchUrl(
        cloud=match["cloud"],
        signature=match["signature"],
        ttl=match["ttl"],
        query=match["query"].replace("%3D", "="),
        next_cursor=match["cursor"] or "",
    )

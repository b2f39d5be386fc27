"""What is no longer true after a request that may have changed something: RFC 9111 section 4.4.

Any method that is not known to be safe may; a success makes its target invalid, and what Location and Content-Location name
on the same origin.
"""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urljoin, urlsplit

from edge.cache.fields import Fields, values

SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


def is_unsafe(method: str) -> bool:
    return method not in SAFE


def invalidated(
    method: str, target: str, status: int, response: Fields, *, authorities: Collection[str]
) -> tuple[str, ...]:
    """Targets (path and query) whose stored responses must not be used unvalidated.

    `authorities`: HOST[:PORT] under which this origin is known, in lower case.
    """
    if not is_unsafe(method) or not 200 <= status < 400:
        return ()
    found = {target: None}
    for name in ("location", "content-location"):
        for value in values(response, name):
            other = _same_origin(value, target, authorities)
            if other is not None:
                found[other] = None
    return tuple(found)


def _same_origin(reference: str, target: str, authorities: Collection[str]) -> str | None:
    try:
        parts = urlsplit(urljoin(f"http://-{target}", reference))
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or (parts.netloc != "-" and parts.netloc.lower() not in authorities):
        return None
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

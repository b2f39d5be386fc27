"""What an intermediary does to every message: fields of the connection end here, Via grows, loops are found.

hop by hop     Connection and what it names, Keep-Alive, TE, Trailer, Transfer-Encoding, Upgrade, Proxy-*
Via            "1.1 domicile" is added to both directions (RFC 9110 section 7.6.3)
CDN-Loop       "domicile" is added to requests; one that has it already came round (RFC 8586)
"""

from __future__ import annotations

import re

from edge.cache.fields import WORD_CHARACTERS, Fields, joined, members, without

PSEUDONYM = "domicile"
VIA = f"1.1 {PSEUDONYM}"

HOP_BY_HOP = frozenset(
    "connection keep-alive proxy-connection te trailer transfer-encoding upgrade proxy-authenticate"
    " proxy-authorization proxy-authentication-info http2-settings".split()
)

ROUTING = frozenset(
    "forwarded x-forwarded-for x-forwarded-host x-forwarded-port x-forwarded-prefix x-forwarded-proto x-forwarded-scheme"
    " x-forwarded-server x-host x-http-host-override x-http-method x-http-method-override x-method-override x-original-host"
    " x-original-uri x-original-url x-override-url x-rewrite-url x-url-scheme front-end-https x-real-ip x-client-ip"
    " x-cluster-client-ip true-client-ip cf-connecting-ip fastly-client-ip".split()
)
"""With everything else that begins with ROUTING_PREFIX. Not in the cache's key and able to change an answer, so that one viewer could poison another's; some name a person, too."""

MESSAGE = frozenset({"host", "content-length", "expect", "cdn-loop"})
"""Written anew for the next connection."""

CAPABILITY = f'{PSEUDONYM}="Surrogate/1.0"'
"""Tells an origin that Surrogate-Control is understood here."""

CONSUMED = frozenset({"content-length", "surrogate-control"})
"""Of a response, for this cache or written anew."""

ROUTING_PREFIX = "x-forwarded-"

LASTING = frozenset({"cdn-loop", "via"})
"""Not of the connection, whatever Connection says: loops are found by them."""

HOPS_MAX = 32
"""A request that comes through more proxies goes round somewhere."""

_ENDS_HERE = ROUTING | MESSAGE | HOP_BY_HOP
_TOKEN = re.compile(rf"[{WORD_CHARACTERS}]+")


class Looping(Exception):
    """This request has been here before, or through too many."""


def end_to_end(fields: Fields) -> Fields:
    """Without what is about the connection it came by."""
    named = {name.lower() for name in members(fields, "connection")} - LASTING
    return without(fields, HOP_BY_HOP | named)


def has_come_round(request: Fields) -> bool:
    """Has the request been here before, or through too many?"""
    loop = members(request, "cdn-loop")
    return any(_identity(member) == PSEUDONYM for member in loop) or len(loop) + len(members(request, "via")) > HOPS_MAX


def to_origin(request: Fields) -> Fields:
    """The request's fields for the origin; Host and framing are the client's business. Raises Looping."""
    if has_come_round(request):
        raise Looping
    loop = members(request, "cdn-loop")
    passed = tuple(field for field in end_to_end(request) if _is_for_origin(field[0]))
    return (
        *passed,
        ("CDN-Loop", ", ".join([*loop, PSEUDONYM])),
        ("Surrogate-Capability", CAPABILITY),
        ("Via", VIA),
    )


def _is_for_origin(name: str) -> bool:
    """Many an application reads `X_Forwarded_Host` as `X-Forwarded-Host` (RFC 3875 section 4.1.18)."""
    plain = name.lower().replace("_", "-")
    return plain not in _ENDS_HERE and not plain.startswith(ROUTING_PREFIX)


def to_viewer(response: Fields) -> Fields:
    """The response's fields for the viewer; Content-Length is left to whoever sends the body."""
    return (*without(end_to_end(response), CONSUMED), ("Via", VIA))


def stated_length(fields: Fields) -> int | None:
    """Content-Length, as a number; None where there is none or none that can be read."""
    text = joined(fields, "content-length")
    return int(text) if text is not None and re.fullmatch(r"[0-9]{1,15}", text) else None


def _identity(member: str) -> str:
    match = _TOKEN.match(member)
    return match[0].lower() if match else ""

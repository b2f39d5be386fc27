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
    " x-original-url x-rewrite-url x-real-ip true-client-ip cf-connecting-ip".split()
)
"""Not in the cache's key and able to change an answer, so that one viewer could poison another's; some name a person, too."""

MESSAGE = frozenset({"host", "content-length", "expect", "cdn-loop"})
"""Written anew for the next connection."""

CAPABILITY = f'{PSEUDONYM}="Surrogate/1.0"'
"""Tells an origin that Surrogate-Control is understood here."""

CONSUMED = frozenset({"content-length", "surrogate-control"})
"""Of a response, for this cache or written anew."""

HOPS_MAX = 32
"""A request that comes through more proxies goes round somewhere."""

_TOKEN = re.compile(rf"[{WORD_CHARACTERS}]+")


class Looping(Exception):
    """This request has been here before, or through too many."""


def end_to_end(fields: Fields) -> Fields:
    """Without what is about the connection it came by."""
    named = {name.lower() for name in members(fields, "connection")}
    return without(fields, HOP_BY_HOP | named)


def to_origin(request: Fields) -> Fields:
    """The request's fields for the origin; Host and framing are the client's business. Raises Looping."""
    loop = members(request, "cdn-loop")
    if any(_identity(member) == PSEUDONYM for member in loop) or len(loop) + len(members(request, "via")) > HOPS_MAX:
        raise Looping
    passed = without(end_to_end(request), ROUTING | MESSAGE)
    return (
        *passed,
        ("CDN-Loop", ", ".join([*loop, PSEUDONYM])),
        ("Surrogate-Capability", CAPABILITY),
        ("Via", VIA),
    )


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

"""`POST /_edge/v1/purge`: take a signed purge, look at its size, hand it to the origin as it came, hand back the answer.

The edge verifies nothing: the origin does, with the bytes as the caller sent them (decisions H, one door). What stands
between a stranger and the origin here is a size and a rate, the latter for the whole node, in the agent.
"""

from __future__ import annotations

import asyncio

import msgspec
from aiohttp import web

from domicile.media.errors import MediaError, Overloaded
from domicile.media.wire import PurgeRelay, Relayed
from edge.link import NodeLink
from edge.plain import Door, Headers, Plain
from edge.settings import EdgeSettings

HEADERS_MAX = 64
RETRY_AFTER_SECONDS = 1
_JSON = ("Content-Type", "application/json")
_NO_STORE = ("Cache-Control", "no-store")

_PASSED_BACK = frozenset(
    {"content-type", "cache-control", "www-authenticate", "retry-after", "location", "content-digest", "signature"}
    | {"signature-input", "accept-signature"}
)
"""Headers of the origin's answer that go to the caller; the rest belongs to this connection."""


def purge_door(link: NodeLink, settings: EdgeSettings) -> Door:
    """The handler of the purge route of one worker."""
    send = link.relay_purge
    limits, region = settings.purge, settings.region

    async def door(request: web.BaseRequest) -> Plain:
        body = await _body(request, limits.body_bytes_max, limits.body_seconds_max)
        if body is None or len(request.raw_headers) > HEADERS_MAX:
            return _said(400, "too_large")
        try:
            answer = await send(relay_of(request, body, region=region))
        except Overloaded:
            return _said(429, "too_many_requests", ("Retry-After", str(RETRY_AFTER_SECONDS)))
        except MediaError:
            return _said(503, "origin_unreachable", ("Retry-After", str(RETRY_AFTER_SECONDS)))
        return _handed_back(answer)

    return door


def relay_of(request: web.BaseRequest, body: bytes, *, region: str) -> PurgeRelay:
    """The call as it came: raw target, headers in order with lower-case names, authority from `Host`. No `node` yet."""
    path, _, query = request.raw_path.partition("?")
    headers = tuple((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in request.raw_headers)
    hosts = [value for name, value in headers if name == "host"]
    return PurgeRelay(
        node="",
        region=region,
        method=request.method,
        authority=hosts[0] if len(hosts) == 1 else "",
        path=path,
        query=query,
        headers=headers,
        body=body,
    )


async def _body(request: web.BaseRequest, bytes_max: int, seconds_max: float) -> bytes | None:
    """The whole body; None when it is longer, or does not arrive in time."""
    if request.content_length is not None and request.content_length > bytes_max:
        return None
    whole = bytearray()
    try:
        async with asyncio.timeout(seconds_max):
            async for piece in request.content.iter_any():
                whole += piece
                if len(whole) > bytes_max:
                    return None
    except TimeoutError:
        return None
    return bytes(whole)


def _handed_back(answer: Relayed) -> Plain:
    kept = tuple((name, value) for name, value in answer.headers if name.lower() in _PASSED_BACK)
    if not any(name.lower() == "cache-control" for name, _ in kept):
        kept = (*kept, _NO_STORE)
    return Plain(status=answer.status, headers=kept, body=answer.body)


def _said(status: int, code: str, *headers: tuple[str, str]) -> Plain:
    everything: Headers = (_JSON, _NO_STORE, *headers)
    return Plain(status=status, headers=everything, body=msgspec.json.encode({"error": {"code": code}}))

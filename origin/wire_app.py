"""The wire: what edges ask of the origin, under `/_origin/v1/` (types and rules: domicile.media.wire).

Over the UNIX socket the file's mode says who may call; over TCP a client certificate does, and the region that it
carries (`domicile:zone:eu-de` in the SAN) must be the region that the edge states. Names come in bodies only.
"""

from __future__ import annotations

import math
import re
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from domicile.media.asset import AID_BYTES, Aid
from domicile.media.errors import BadRequest, LimitExceeded, MediaError, OutsideRegion
from domicile.media.policy import Place
from domicile.media.wire import (
    BODY_BYTES_MAX,
    CONTENT_TYPE,
    NAMES_MAX,
    PREFIX,
    REGION_HEADER,
    WIRE_HEADER,
    WIRE_VERSION,
    Ack,
    CopyListing,
    Empty,
    JournalAnswer,
    LeaseRequest,
    ProbesAnswer,
    ProbesRequest,
    PurgeRelay,
    RenditionReport,
    ResolveRequest,
    SearchRelay,
)
from domicile.service import logging
from domicile.service.zones import zone_of
from origin.api.search import relayed_search
from origin.errors import code_of, for_wire
from origin.http import drop_server_header
from origin.keys import ORIGIN, Origin
from origin.nodes import AUTHORITIES_MAX, Node
from origin.purge_door import relayed_purge
from origin.wire_blob import send_blob, span_of

T = TypeVar("T", bound=msgspec.Struct)

RENDITIONS_MAX = 256
CURSORS_MAX = 10_000
WAIT_SECONDS_MAX = 30.0
WAIT_STEP_SECONDS = 1.0
"""A long poll looks this often whether the process is ending."""
HEADS_MAX = 100_000
SEEN_MAX = 64

_ID = re.compile(r"[0-9a-f]{32}")
_CURSOR = re.compile(r"([a-z0-9-]{1,63}):([0-9]{1,18})")

log = logging.get()


def wire_app(origin: Origin) -> web.Application:
    """The application for edges."""
    app = web.Application(middlewares=[answering], client_max_size=BODY_BYTES_MAX)
    app[ORIGIN] = origin
    app.router.add_post(f"{PREFIX}/lease", lease)
    app.router.add_get(f"{PREFIX}/journal", journal)
    app.router.add_post(f"{PREFIX}/ack", ack)
    app.router.add_post(f"{PREFIX}/probes", probes)
    app.router.add_post(f"{PREFIX}/resolve", resolve)
    app.router.add_get(f"{PREFIX}/blobs/{{aid}}", blob)
    app.router.add_post(f"{PREFIX}/renditions", renditions)
    app.router.add_post(f"{PREFIX}/copies", copies)
    app.router.add_post(f"{PREFIX}/purge", purge)
    app.router.add_post(f"{PREFIX}/search", search)
    app.on_response_prepare.append(drop_server_header)
    return app


@web.middleware
async def answering(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Check the version and the region, and turn every error into a WireError."""
    origin = request.app[ORIGIN]
    try:
        if request.headers.get(WIRE_HEADER) != WIRE_VERSION:
            raise BadRequest(f"This origin speaks {WIRE_HEADER}: {WIRE_VERSION}")
        region_of(request)
        response: web.StreamResponse = await handler(request)
    except MediaError as error:
        origin.metrics.errors.add(kind=code_of(error))
        return for_wire(error)
    except web.HTTPRequestEntityTooLarge:
        return for_wire(LimitExceeded("The message is larger than the wire takes"))
    except web.HTTPException:
        return for_wire(BadRequest("No such call on the wire"))
    except (ConnectionError, TimeoutError):
        raise
    except Exception:
        origin.metrics.errors.add(kind="internal")
        log.exception("wire_failed", call=_call(request))
        return web.Response(status=500)
    return response


def _call(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical.rsplit("/", 1)[-1] if resource is not None else "none"


def region_of(request: web.Request, *stated: str) -> str:
    """The region of the edge that calls: header, message and certificate must agree. Raises OutsideRegion."""
    region = request.headers.get(REGION_HEADER, "")
    transport = request.transport
    certificate = transport.get_extra_info("peercert") if transport is not None else None
    proved = zone_of(certificate) if certificate is not None else region
    if not region or region != proved or any(other != region for other in stated):
        raise OutsideRegion("The stated region is not the one that was proved")
    return region


async def _read(request: web.Request, kind: type[T]) -> T:
    body = await request.read()
    try:
        return msgspec.msgpack.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as bad:
        raise BadRequest("The message cannot be read") from bad


def _write(answer: msgspec.Struct) -> web.Response:
    return web.Response(body=msgspec.msgpack.encode(answer), content_type=CONTENT_TYPE)


async def lease(request: web.Request) -> web.Response:
    """Grant a lease; the heads in it are read after this request arrived."""
    origin = request.app[ORIGIN]
    asked = await _read(request, LeaseRequest)
    region_of(request, asked.region)
    if not _ID.fullmatch(asked.node) or not _ID.fullmatch(asked.boot):
        raise BadRequest("node and boot are 32 hex digits")
    if len(asked.authorities) > AUTHORITIES_MAX or len(asked.heads) > HEADS_MAX:
        raise LimitExceeded("Too many authorities or heads in one lease request")
    origin.nodes.heard(
        Node(
            node=asked.node,
            region=asked.region,
            authorities=frozenset(asked.authorities),
            seen_at=origin.now(),
        )
    )
    answer = await origin.records.grant_lease(asked)
    outcome = "released" if asked.release else "granted" if answer.tenants or not answer.refused else "refused"
    origin.metrics.leases.add(outcome=outcome)
    return _write(answer)


async def journal(request: web.Request) -> web.Response:
    """Entries after the cursors, at once or as soon as there are some."""
    origin = request.app[ORIGIN]
    cursors = _cursors(request.query.getall("after", []))
    seconds = _wait_seconds(request.query.get("wait", "0"))

    async def look(step: float) -> tuple[JournalAnswer, bool]:
        answer = await origin.records.entries(cursors, wait_seconds=step)
        return answer, bool(answer.entries or answer.compacted or answer.unknown)

    return await _as_soon_as(look, origin, seconds)


async def _as_soon_as(
    look: Callable[[float], Awaitable[tuple[msgspec.Struct, bool]]], origin: Origin, seconds: float
) -> web.Response:
    """The first answer that says something, or that of the end of the wait. `look` waits as long as it is told."""
    left = min(seconds, WAIT_SECONDS_MAX)
    while True:
        step = min(left, WAIT_STEP_SECONDS)
        answer, says_something = await look(0 if origin.draining else step)
        left -= step
        if says_something or left <= 0 or origin.draining:
            return _write(answer)


def _cursors(given: list[str]) -> dict[str, int]:
    if len(given) > CURSORS_MAX:
        raise LimitExceeded("Too many cursors in one request")
    matches = [_CURSOR.fullmatch(text) for text in given]
    if None in matches:
        raise BadRequest("after is TENANT:SEQ")
    return {match[1]: int(match[2]) for match in matches if match is not None}


def _wait_seconds(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,6})?", text):
        raise BadRequest("wait is a number of seconds")
    return float(text)


async def ack(request: web.Request) -> web.Response:
    """A node has applied entries in every worker."""
    await request.app[ORIGIN].records.ack(await _read(request, Ack))
    return _write(Empty())


async def probes(request: web.Request) -> web.Response:
    """What an edge has seen, and what it is to look for, at once or as soon as there is something."""
    origin, asked = request.app[ORIGIN], await _read(request, ProbesRequest)
    region_of(request, asked.region)
    if not _ID.fullmatch(asked.node) or not _ID.fullmatch(asked.boot) or not 0 <= asked.wait_seconds < math.inf:
        raise BadRequest("node and boot are 32 hex digits, and the wait is a number of seconds")
    if len(asked.seen) > SEEN_MAX:
        raise LimitExceeded(f"At most {SEEN_MAX} probes in one call")
    origin.records.take_seen(asked)

    async def look(step: float) -> tuple[ProbesAnswer, bool]:
        answer = await origin.records.probes_for(asked, wait_seconds=step)
        return answer, bool(answer.probes)

    return await _as_soon_as(look, origin, asked.wait_seconds)


async def resolve(request: web.Request) -> web.Response:
    """Name -> aid, facts, keys: one snapshot. What is to be fetched from elsewhere is fetched before."""
    asked = await _read(request, ResolveRequest)
    region_of(request, asked.region)
    if not 0 < len(asked.public_ids) <= NAMES_MAX or (
        asked.signature is not None and len(asked.signed_texts) != len(asked.public_ids)
    ):
        raise BadRequest("The candidates and their signed texts do not fit")
    return _write(await request.app[ORIGIN].fetched.resolve(asked))


async def blob(request: web.Request) -> web.StreamResponse:
    """Sealed bytes of an original, for a place that may transform it."""
    origin = request.app[ORIGIN]
    aid = Aid(request.match_info["aid"])
    if len(aid) != 2 * AID_BYTES or not _ID.fullmatch(aid):
        raise BadRequest("An aid is 32 hex digits")
    span = span_of(request.headers.get(hdrs.RANGE))
    sealed = await origin.records.original_for(aid, Place(name="edge", region=region_of(request)), span)
    return await send_blob(request, sealed, is_part=span is not None)


async def renditions(request: web.Request) -> web.Response:
    """What an edge made: the API's `derived[]`."""
    report = await _read(request, RenditionReport)
    if len(report.renditions) > RENDITIONS_MAX:
        raise LimitExceeded(f"At most {RENDITIONS_MAX} renditions in one report")
    await request.app[ORIGIN].records.add_renditions(report, region=region_of(request))
    return _write(Empty())


async def copies(request: web.Request) -> web.Response:
    """Of which versions an edge has files: what the placement ledger holds against what it knows."""
    listing = await _read(request, CopyListing)
    await request.app[ORIGIN].records.edge_copies.listed(listing, region=region_of(request))
    return _write(Empty())


async def purge(request: web.Request) -> web.Response:
    """A signed purge, as a viewer sent it to an edge."""
    relay = await _read(request, PurgeRelay)
    region_of(request, relay.region)
    return _write(await relayed_purge(request.app[ORIGIN], relay))


async def search(request: web.Request) -> web.Response:
    """A signed search, as a viewer's URL says it: told where its cloud's policy lets its facts go."""
    relay = await _read(request, SearchRelay)
    region = region_of(request, relay.region)
    return _write(await relayed_search(request.app[ORIGIN], relay, Place(name="edge", region=region)))

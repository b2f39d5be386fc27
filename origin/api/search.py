"""The Search API: assets and folders by expression, and searches that a signed URL carries to whoever has it.

A search URL is made by the owner and used by anybody, through an edge (`media.wire.SearchRelay`). It tells no more than the
owner signed, and never whom an asset is about; URLs in its answer are not signed, for who has it is a stranger.
"""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from domicile.media.errors import BadRequest, BadSignature
from domicile.media.policy import Activity, Place
from domicile.media.raw import raw_extension
from domicile.media.signature import verify_search
from domicile.media.wire import Relayed, SearchRelay
from origin.api.answers import Address, Json, access_of, extension_of, instant, listed, moderation_of
from origin.api.call import admin_json, reply
from origin.api.folders import folder_row
from origin.api.limits import quotas_of
from origin.api.listing import ALWAYS_SHOWN
from origin.api.routes import CLOUD, Route
from origin.api.search_query import Asked, folder_search_of, read_asked, read_pairs, search_of
from origin.api.subjects import asks_for_persons
from origin.keys import Origin
from origin.records import AssetRecord, FolderHit, Tenant
from origin.scope import Operation
from origin.search.conditions import ACTIVE
from origin.search.values import RATIO_DIGITS

SUBJECTS = "subject_ids"
"""Shown to who asks for them by name, and never through a URL."""
QUERY_FIELDS_MAX = 200


async def resources(request: web.Request, path: Mapping[str, str]) -> web.Response:
    origin, tenant, asked = await _asked(request, path)
    if _is_about_somebody(asked):
        tenant.scope.require(Operation.DPO)
    return reply(await _found(origin, tenant, asked, origin.address_of(tenant)))


async def folders(request: web.Request, path: Mapping[str, str]) -> web.Response:
    origin, tenant, asked = await _asked(request, path)
    started = time.monotonic()
    page = await origin.records.search_folders(tenant.cloud, folder_search_of(asked))
    answer: Json = {
        "total_count": page.total,
        "time": _milliseconds(started),
        "folders": [_folder(origin, tenant, one) for one in page.folders],
    }
    return reply(answer | ({"next_cursor": page.next_cursor} if page.next_cursor else {}))


async def _asked(request: web.Request, path: Mapping[str, str]) -> tuple[Origin, Tenant, Asked]:
    origin, tenant, body = await admin_json(request, path)
    if request.method == "GET":
        pairs = parse_qsl(request.query_string, keep_blank_values=True, max_num_fields=QUERY_FIELDS_MAX)
        return origin, tenant, read_pairs(pairs)
    return origin, tenant, read_asked(body)


async def _found(origin: Origin, tenant: Tenant, asked: Asked, address: Address) -> Json:
    unknown = asked.added - _TOLD_WITH.keys()
    if unknown:
        raise BadRequest(f"Invalid value for parameter with_field: {min(unknown)[:64]}")
    if _is_about_somebody(asked):
        origin.limits.count_lookup(tenant.cloud, now=origin.now())
    started = time.monotonic()
    page = await origin.records.search(tenant.cloud, search_of(asked))
    answer: Json = {
        "total_count": page.total,
        "time": _milliseconds(started),
        "resources": [_row(record, address, asked) for record in page.records],
    }
    if page.next_cursor:
        answer["next_cursor"] = page.next_cursor
    if page.counts:
        answer["aggregations"] = {field: dict(counts) for field, counts in page.counts.items()}
    return answer


def _is_about_somebody(asked: Asked) -> bool:
    """Does it look for a person, or ask whom assets are about?"""
    return SUBJECTS in asked.added | asked.shown or asks_for_persons(asked.expression)


def _row(record: AssetRecord, address: Address, asked: Asked) -> Json:
    """`fields`: nothing but these, and what says which asset it is."""
    row: Json = {
        **listed(record, address),
        "format": extension_of(record) or raw_extension(record.name.public_id),
        "filename": record.original_filename or record.name.public_id.rpartition("/")[2],
        "uploaded_at": instant(record.created_at),
        "status": ACTIVE,
        "etag": record.facts.md5,
        "backup_bytes": 0,
        **_shape(record),
        **access_of(record),
        **moderation_of(record),
    }
    told = {name: tell(record) for name, tell in _TOLD_WITH.items() if name in asked.added | asked.shown}
    row |= {name: value for name, value in told.items() if value is not None}
    if asked.shown:
        row = {name: value for name, value in row.items() if name in asked.shown | ALWAYS_SHOWN}
    return row


def _shape(record: AssetRecord) -> Json:
    width, height = record.facts.width, record.facts.height
    if record.name.resource_type == "raw" or not height:
        return {}
    return {"pixels": width * height, "aspect_ratio": round(width / height, RATIO_DIGITS)}


def _analysed(record: AssetRecord) -> Json:
    faces = record.coordinates.faces or record.analysis.faces
    colors = record.analysis.colors
    return {
        **({} if faces is None else {"face_count": len(faces), "faces": faces}),
        **({} if colors is None else {"colors": dict(colors)}),
    }


_TOLD_WITH: Mapping[str, Callable[[AssetRecord], object]] = {
    "tags": lambda record: list(record.tags),
    "context": lambda record: dict(record.context),
    "metadata": lambda record: dict(record.metadata),
    "image_metadata": lambda record: record.analysis.metadata or {},  # what is kept; a search looks into no picture
    "image_analysis": _analysed,
    SUBJECTS: lambda record: list(record.subject_ids),
}
"""What is told where it is asked for."""


def _milliseconds(started: float) -> int:
    return round((time.monotonic() - started) * 1000)


def _folder(origin: Origin, tenant: Tenant, one: FolderHit) -> Json:
    row = folder_row(origin, tenant.cloud, one.path)
    return row if one.created_at is None else row | {"created_at": instant(one.created_at)}


async def relayed_search(origin: Origin, relay: SearchRelay, place: Place) -> Relayed:
    """The answer to a search URL, to who asks at a place. Raises BadSignature, OutsideRegion, BadRequest, LimitExceeded,
    Overloaded.
    """
    tenant = origin.records.tenant(relay.cloud)
    if tenant is None:
        raise BadSignature("Invalid signature")
    verify_search(relay.ttl, relay.query, relay.signature, tenant.api_secret)
    origin.records.permit(tenant.cloud, Activity.METADATA, place)
    origin.limits.count_search(tenant.cloud, quotas_of(origin.records.policy(tenant.cloud)), now=origin.now())
    try:
        body = base64.b64decode(relay.query + "=" * (-len(relay.query) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as bad:
        raise BadRequest("Invalid search: the query is not base64") from bad
    asked = msgspec.structs.replace(read_asked(body), next_cursor=relay.next_cursor or None)
    if SUBJECTS in asked.added | asked.shown:
        raise BadRequest(f"A search URL does not tell {SUBJECTS}")
    found = await _found(origin, tenant, asked, replace(origin.address_of(tenant), signs_urls=False))
    return Relayed(status=200, headers=(), body=msgspec.json.encode(found))


ROUTES = (
    Route("search", "POST", CLOUD + "/resources/search", resources),
    Route("search", "POST", CLOUD + "/resources%2Fsearch", resources),  # as npm's SDK writes it
    Route("search", "GET", CLOUD + "/resources/search", resources),
    Route("search_folders", "POST", CLOUD + "/folders/search", folders),
    Route("search_folders", "POST", CLOUD + "/folders%2Fsearch", folders),
    Route("search_folders", "GET", CLOUD + "/folders/search", folders),
)

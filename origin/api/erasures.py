"""Erasing through the API: forget assets everywhere, and ask later how far it has come.

    POST erasures        selector[public_id | asset_id | tag | prefix | url]=…  mode=erase | dry_run  request_id=…
    GET  erasures/{id}   the statement as things stand now

An SDK signature does not say which endpoint it was made for, so nothing here is a parameter of another endpoint, and
nothing has a default: a signature that erases was made to erase.
"""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import hdrs, web

from domicile.media.errors import AssetNotFound, BadRequest, OutOfScope
from origin.api.answers import listed
from origin.api.authenticate import is_private_way
from origin.api.call import Call, admin, reply, signed
from origin.api.params import Params, check_parameters
from origin.delivery_url import path_of
from origin.keys import Origin
from origin.records import PurgeTargets

MODES = ("erase", "dry_run")
SELECTORS = ("public_id", "asset_id", "tag", "prefix", "url")
USED = frozenset({"mode", "request_id", *(f"selector[{name}]" for name in SELECTORS)})
REQUEST_ID_CHARS_MAX = 128


async def erase(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """Forget what one selector matches; the answer is the signed statement, `partial` while edges are waited for."""
    call = await signed(request, path)
    params, origin, cloud = call.params, call.origin, call.tenant.cloud
    check_parameters(params, USED)
    mode = params.required("mode")
    if mode not in MODES:
        raise BadRequest(f"Invalid value for parameter mode: must be {' or '.join(MODES)}")
    targets = targets_of(params, origin)
    if targets.tags or targets.prefixes or targets.urls:
        check_wide(request, call)
    if mode == "dry_run":
        found = await origin.records.erase_preview(cloud, targets)
        rows = [listed(record, call.address) for record in found.records]
        told = {"mode": mode, "total_count": found.total, "cut": found.total > len(rows), "assets": rows}
        return reply({**told, "backups": found.backups})
    request_id = params.text("request_id")
    if len(request_id) > REQUEST_ID_CHARS_MAX:
        raise BadRequest(f"Parameter request_id is too long: at most {REQUEST_ID_CHARS_MAX} characters")
    statement = await origin.records.erase(cloud, targets, request_id=request_id, once=call.once)
    origin.pool.retire(cloud)
    return reply(statement.to_mapping())


def check_wide(request: web.Request, call: Call) -> None:
    """Selectors wider than one asset need the secret itself, sent where nobody else reads it. Raises OutOfScope."""
    if call.caller.signed is not None:
        raise OutOfScope("Selectors wider than one asset need Basic authentication")
    forwarded = request.headers.get(hdrs.X_FORWARDED_PROTO)
    if not is_private_way(request.remote, forwarded, call.origin.settings.networks):
        raise OutOfScope("Selectors wider than one asset need Basic over TLS or from a trusted network")


async def status(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """The statement of an erasure as things stand now, signed."""
    origin, tenant, _ = await admin(request, path)
    try:
        statement = await origin.records.erasure(tenant.cloud, path["id"])
    except AssetNotFound as missing:
        raise AssetNotFound("Resource not found - erasure") from missing
    return reply(statement.to_mapping())


def targets_of(params: Params, origin: Origin) -> PurgeTargets:
    """What one selector means. Raises BadRequest."""

    def of(name: str) -> tuple[str, ...]:
        return params.texts(f"selector[{name}]")

    settings = origin.settings
    urls = tuple(path_of(url, settings.delivery_hosts) for url in of("url"))
    targets = PurgeTargets(
        asset_ids=of("asset_id"), public_ids=of("public_id"), tags=of("tag"), prefixes=of("prefix"), urls=urls
    )
    if targets.count != 1:
        raise BadRequest(f"Missing required parameter - selector with one of {', '.join(SELECTORS)}")
    return targets
